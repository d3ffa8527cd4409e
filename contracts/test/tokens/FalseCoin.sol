// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Coin} from "./Coin.sol";

/// @notice Answers false and moves nothing, while it is told to.
contract FalseCoin is Coin(6) {
    bool public refusing;

    function setRefusing(bool value) external {
        refusing = value;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return !refusing && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !refusing && super.transferFrom(from, to, amount);
    }
}
