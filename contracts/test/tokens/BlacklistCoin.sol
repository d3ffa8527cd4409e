// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Coin} from "./Coin.sol";

/// @notice Reverts for whoever is on its list, as issuers of stablecoins can make it.
contract BlacklistCoin is Coin(6) {
    mapping(address who => bool) public blocked;

    error Blocked(address who);

    function setBlocked(address who, bool value) external {
        blocked[who] = value;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (blocked[from]) revert Blocked(from);
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}
