// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PayoutDistributor} from "../src/PayoutDistributor.sol";
import {ReferencePayoutTree} from "./ReferencePayoutTree.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice What settling and claiming cost as transactions of their own, data and all; kept in snapshots/.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract GasPayoutsTest is Test {
    address internal constant SETTLER = 0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1;
    address internal constant ALICE = 0xc0ffee254729296a45a3885639AC7E10F9d54979;
    uint256 internal constant DEPTH = 17;

    PayoutDistributor internal book;
    Coin internal coin;
    uint256 internal total;
    uint256 internal time = 1_795_312_800;

    function setUp() public {
        vm.warp(time);
        book = new PayoutDistributor(address(0xA0), address(0xA2), SETTLER);
        coin = new Coin(6);
        coin.mint(SETTLER, 1e15);
        coin.mint(ALICE, 1);
        vm.prank(SETTLER);
        coin.approve(address(book), type(uint256).max);
    }

    /// A branch of a tree of 100,000: Alice's leaf, and siblings that stand for all others.
    function branch(uint256 cumulative, uint256 salt)
        internal
        view
        returns (bytes32 root, bytes32[] memory proof)
    {
        proof = new bytes32[](DEPTH);
        root = book.leafOf(coin, ALICE, cumulative);
        for (uint256 i = 0; i < DEPTH; ++i) {
            proof[i] = keccak256(abi.encode(salt, i));
            root = ReferencePayoutTree.pair(root, proof[i]);
        }
    }

    function settle(uint256 round) internal returns (uint256 cumulative, bytes32[] memory proof) {
        bytes32 root;
        cumulative = 123_456_789 * round;
        (root, proof) = branch(cumulative, round);
        total += 987_654_321_987;
        vm.prank(SETTLER);
        book.proposePayouts(coin, total, root);
    }

    function test_settling100000CreatorsStaysBelow55000() public {
        settle(1);
        uint256 first = vm.snapshotGasLastCall("payouts", "settle-first");
        vm.warp(time += 30 days);
        settle(2);
        vm.warp(time += 30 days);
        settle(3);
        uint256 used = vm.snapshotGasLastCall("payouts", "settle-100k");
        vm.assertLe(used, 55_000, "settle");
        vm.assertLe(first, 110_000, "settle, the first of a token");
    }

    function test_aReturningAccountClaimsBelow61000() public {
        (uint256 cumulative, bytes32[] memory proof) = settle(1);
        vm.warp(time += 30 days);
        book.claim(ALICE, cumulative, proof, coin);
        vm.snapshotGasLastCall("payouts", "claim-first");
        (cumulative, proof) = settle(2);
        vm.warp(time += 30 days);
        book.claim(ALICE, cumulative, proof, coin);
        vm.assertLe(vm.snapshotGasLastCall("payouts", "claim"), 61_000, "claim");
    }

    function test_twentyReturningAccountsClaimBelow33000Each() public {
        PayoutDistributor.Claim[] memory claims = new PayoutDistributor.Claim[](20);
        for (uint256 round = 1; round <= 2; ++round) {
            bytes32[] memory leaves = new bytes32[](32);
            for (uint256 i = 0; i < 32; ++i) {
                address account = address(uint160(uint256(keccak256(abi.encode(i)))));
                leaves[i] = book.leafOf(coin, account, 123_456_789 * round);
                if (i < 20) (claims[i].account, claims[i].cumulative) = (account, 123_456_789 * round);
            }
            bytes32 root = ReferencePayoutTree.root(leaves);
            for (uint256 i = 0; i < 20; ++i) {
                claims[i].proof = new bytes32[](DEPTH);
                bytes32[] memory low = ReferencePayoutTree.proof(leaves, i);
                for (uint256 k = 0; k < DEPTH; ++k) {
                    claims[i].proof[k] = k < 5 ? low[k] : keccak256(abi.encode(round, k));
                }
            }
            for (uint256 k = 5; k < DEPTH; ++k) {
                root = ReferencePayoutTree.pair(root, keccak256(abi.encode(round, k)));
            }
            total += 32 * 123_456_789;
            vm.prank(SETTLER);
            book.proposePayouts(coin, total, root);
            vm.warp(time += 30 days);
            book.claimMany(coin, claims);
        }
        vm.assertLe(vm.snapshotGasLastCall("payouts", "claim-20") / 20, 33_000, "each");
    }
}
