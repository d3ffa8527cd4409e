// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Coin} from "./Coin.sol";

/// @notice Coin as an ERC-20, as WETH is.
contract WrappedCoin is Coin(18) {
    function deposit() external payable {
        _mint(msg.sender, msg.value);
    }
}
