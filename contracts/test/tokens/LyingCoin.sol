// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Coin} from "./Coin.sol";

/// @notice Says yes and moves nothing, or shows balances that are not there, while it is told to.
contract LyingCoin is Coin(6) {
    bool public idle;
    uint256 public invented;

    function setIdle(bool value) external {
        idle = value;
    }

    function setInvented(uint256 amount) external {
        invented = amount;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return super.balanceOf(who) + invented;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return idle || super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return idle || super.transferFrom(from, to, amount);
    }
}
