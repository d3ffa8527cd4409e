// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Coin} from "./Coin.sol";

/// @notice Calls somebody back in the middle of each transfer, as ERC-777 hooks do, and keeps what came of it.
contract ReentrantCoin is Coin(6) {
    address public target;
    bytes public data;
    uint256 public calls;
    uint256 public succeeded;

    function setHook(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target == address(0)) return;
        address called = target;
        // Once only: a hook that calls itself for ever proves nothing.
        target = address(0);
        calls++;
        (bool done,) = called.call(data);
        if (done) succeeded++;
    }
}
