// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IWrappedCoin, RoyaltyReceiverFactory} from "../src/RoyaltyReceiverFactory.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";
import {WrappedCoin} from "./tokens/WrappedCoin.sol";

/// @notice What splits cost as transactions of their own, data and all; kept in snapshots/. Creating one costs nothing:
/// there is no function for it, and the first payment finds its pot by the digest alone.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract GasSplitsTest is Test, IPayees {
    address internal constant ADMIN = address(0xA0);
    address internal constant BUYER = 0xCA501cA501CA501cA501Ca501Ca501cA501cA501;
    address internal constant WALLET = 0xc0ffee254729296a45a3885639AC7E10F9d54979;
    uint256 internal constant AMOUNT = 987_654_321_987;

    SplitVault internal vault;
    RoyaltyReceiverFactory internal factory;
    Coin internal coin;

    function setUp() public {
        vm.warp(1_795_312_800);
        vault = new SplitVault(ADMIN, address(0xA2), this, address(0xA3));
        factory = new RoyaltyReceiverFactory(vault, IWrappedCoin(address(new WrappedCoin())));
        coin = new Coin(6);
        vm.prank(ADMIN);
        vault.listToken(coin, true);
        coin.mint(BUYER, 1e15);
        coin.mint(WALLET, 1);
        vm.prank(BUYER);
        coin.approve(address(vault), type(uint256).max);
    }

    function walletOf(bytes16) external pure returns (address) {
        return WALLET;
    }

    function split(uint256 count)
        internal
        view
        returns (bytes32 name, bytes16[] memory payees, uint32[] memory shares)
    {
        payees = new bytes16[](count);
        shares = new uint32[](count);
        uint128 last = 0;
        uint256 left = 1_000_000_000;
        for (uint256 i = 0; i < count; ++i) {
            last += uint128(uint256(keccak256(abi.encode(count, i))) >> 136);
            payees[i] = bytes16(last);
            // Rising remainders: the worst order for the sort.
            shares[i] = uint32(i + 1 == count ? left : 1_000_000_000 / count - 2 * count + i);
            left -= shares[i];
        }
        name = vault.splitOf(payees, shares);
    }

    function pay(bytes32 name) internal {
        vm.prank(BUYER);
        vault.pay(name, coin, AMOUNT);
    }

    function measure(uint256 count) internal {
        (bytes32 name, bytes16[] memory payees, uint32[] memory shares) = split(count);
        string memory of_ = string.concat("-of-", vm.toString(count));
        pay(name);
        vault.distribute(payees, shares, coin);
        uint256 used = vm.snapshotGasLastCall("splits", string.concat("distribute-first", of_));
        vm.assertLe(used, 16_777_216, "fits the most that a transaction may use");
        pay(name);
        vault.distribute(payees, shares, coin);
        vm.snapshotGasLastCall("splits", string.concat("distribute", of_));
    }

    function test_creatingASplitCostsNothing() public {
        (bytes32 name,,) = split(2);
        vm.snapshotValue("splits", "create", 0);
        pay(name);
        vm.snapshotGasLastCall("splits", "pay-new-split");
        pay(name);
        vm.snapshotGasLastCall("splits", "pay");
    }

    function test_dividingAmong2() public {
        measure(2);
    }

    function test_dividingAmong5() public {
        measure(5);
    }

    function test_dividingAmong20() public {
        measure(20);
    }

    function test_dividingAmong256FitsATransaction() public {
        measure(256);
    }

    function test_withdrawing() public {
        (bytes32 name, bytes16[] memory payees, uint32[] memory shares) = split(2);
        pay(name);
        vault.distribute(payees, shares, coin);
        vault.withdraw(payees[0], coin);
        vm.snapshotGasLastCall("splits", "withdraw");
    }

    function test_sweepingRoyalties() public {
        (bytes32 name,,) = split(2);
        coin.mint(factory.receiverOf(name), AMOUNT);
        factory.sweep(name, coin);
        vm.snapshotGasLastCall("splits", "royalty-receiver-made-and-swept");
        coin.mint(factory.receiverOf(name), AMOUNT);
        factory.sweep(name, coin);
        vm.snapshotGasLastCall("splits", "royalty-swept");
    }
}
