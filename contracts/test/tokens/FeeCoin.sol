// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Coin} from "./Coin.sol";

/// @notice Keeps a hundredth of each transfer, of the receiver's part or on top of what the sender sends.
contract FeeCoin is Coin(6) {
    address public constant COLLECTOR = address(0xFEE);

    bool public feeOnSender;

    function setFeeOnSender(bool value) external {
        feeOnSender = value;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0)) return super._update(from, to, amount);
        uint256 fee = amount / 100;
        super._update(from, COLLECTOR, fee);
        super._update(from, to, feeOnSender ? amount : amount - fee);
    }
}
