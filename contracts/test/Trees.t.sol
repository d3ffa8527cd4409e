// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {AssetToken} from "../src/AssetToken.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {PayoutDistributor} from "../src/PayoutDistributor.sol";
import {ReferencePayoutTree} from "./ReferencePayoutTree.sol";
import {ReferenceTree} from "./ReferenceTree.sol";
import {Releases} from "./Releases.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice What is built to pass for a leaf, trees whose levels are odd, and leaves that stand there twice.
contract TreesTest is Releases {
    address internal constant SETTLER = address(0xA1);
    address internal constant ALICE = address(0xA11CE);
    bytes32 internal constant RELEASE = keccak256("Harbour at night, 1.0.0");

    PayoutDistributor internal payouts;
    Coin internal coin;

    function setUp() public {
        beginLog();
        payouts = new PayoutDistributor(ADMIN, GUARDIAN, SETTLER);
        coin = new Coin(6);
    }

    // The log's tree.

    /// Dave has an entry logged whose bytes are two nodes: 64 of them, or 65 with the mark of an inner node before.
    function test_anEntryThatIsTwoNodesIsNotTheirParent() public {
        bytes32 left = ReferenceTree.leafHash("a");
        bytes32 right = ReferenceTree.leafHash("b");
        bytes32 inner = sha256(abi.encodePacked(bytes1(0x01), left, right));
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = ReferenceTree.leafHash(abi.encodePacked(left, right));
        leaves[1] = ReferenceTree.leafHash(abi.encodePacked(bytes1(0x01), left, right));
        vm.assertTrue(leaves[0] != inner && leaves[1] != inner);
        bytes32 root = ReferenceTree.root(leaves, 0, 2);
        book.anchor(root, 2, 0);
        // What the entry spells is not in the tree, at whatever depth it is looked for.
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (right, leaves[1]);
        vm.assertFalse(book.verifyInclusion(root, left, 0, proof));
        proof = ReferenceTree.path(leaves, 0, 0, 2);
        vm.assertFalse(book.verifyInclusion(root, inner, 0, proof));
        vm.assertTrue(book.verifyInclusion(root, leaves[0], 0, proof));
    }

    /// In a tree of three the third leaf rises: it is its level's node too, and still only the third leaf.
    function test_aLeafThatRisesIsItselfOnly() public {
        bytes32[] memory leaves = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            leaves[i] = ReferenceTree.leafHash(abi.encode(i));
        }
        bytes32 root = ReferenceTree.root(leaves, 0, 3);
        book.anchor(root, 3, 0);
        bytes32[] memory proof = ReferenceTree.path(leaves, 2, 0, 3);
        vm.assertEq(proof.length, 1);
        vm.assertTrue(book.verifyInclusion(root, leaves[2], 2, proof));
        vm.assertFalse(book.verifyInclusion(root, leaves[2], 1, proof));
        vm.assertFalse(book.verifyInclusion(root, leaves[2], 3, proof));
        // Not with itself as its sibling, as trees have it that double the last node.
        bytes32[] memory doubled = new bytes32[](2);
        (doubled[0], doubled[1]) = (leaves[2], proof[0]);
        vm.assertFalse(book.verifyInclusion(root, leaves[2], 2, doubled));
    }

    function test_anEntryThatStandsThereTwiceIsAtBothPlacesAndMakesOneToken() public {
        address alice = vm.addr(ALICE_KEY);
        LogEntry.AssetToken memory entry = entryOf(RELEASE, alice);
        bytes32 leaf = tokens.leafOf(entry);
        bytes32[] memory leaves = new bytes32[](3);
        (leaves[0], leaves[1], leaves[2]) = (leaf, leaf, ReferenceTree.leafHash("another"));
        bytes32 root = ReferenceTree.root(leaves, 0, 3);
        book.anchor(root, 3, 0);
        bytes32[] memory first = ReferenceTree.path(leaves, 0, 0, 3);
        bytes32[] memory second = ReferenceTree.path(leaves, 1, 0, 3);
        vm.assertTrue(book.verifyInclusion(root, leaf, 0, first));
        vm.assertTrue(book.verifyInclusion(root, leaf, 1, second));
        vm.assertFalse(book.verifyInclusion(root, leaf, 2, first));

        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        tokens.materialize(entry, root, 0, first, signature);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        tokens.materialize(entry, root, 1, second, signature);
        vm.assertEq(tokens.balanceOf(alice), 1);
    }

    function test_aTreeOfOneEntryHasNoProofAndNeedsNone() public {
        address alice = vm.addr(ALICE_KEY);
        LogEntry.AssetToken memory entry = entryOf(RELEASE, alice);
        bytes32 leaf = tokens.leafOf(entry);
        book.anchor(leaf, 1, 0);
        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        bytes32[] memory longer = new bytes32[](1);
        vm.expectRevert(abi.encodeWithSelector(AssetToken.NotInTheLog.selector, leaf, leaf));
        tokens.materialize(entry, leaf, 0, longer, signature);
        tokens.materialize(entry, leaf, 0, new bytes32[](0), signature);
        vm.assertEq(tokens.ownerOf(uint256(RELEASE)), alice);
    }

    // The tree of payouts.

    function settled(bytes32[] memory leaves, uint256 total) internal {
        coin.mint(SETTLER, total);
        vm.startPrank(SETTLER);
        coin.approve(address(payouts), total);
        payouts.proposePayouts(coin, total, ReferencePayoutTree.root(leaves));
        vm.stopPrank();
        vm.warp(block.timestamp + 1 days);
    }

    function wrong(address account, uint256 cumulative, bytes32[] memory proof) internal {
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, account, cumulative));
        payouts.claim(account, cumulative, proof, coin);
        vm.assertEq(coin.balanceOf(account), 0);
    }

    function test_everybodyOfAnOddTreeIsPaid() public {
        for (uint256 size = 1; size <= 9; ++size) {
            bytes32[] memory leaves = new bytes32[](size);
            coin = new Coin(6);
            for (uint256 i = 0; i < size; ++i) {
                leaves[i] = payouts.leafOf(coin, address(uint160(i + 1)), 100 + i);
            }
            settled(leaves, 100 * size + size * (size - 1) / 2);
            for (uint256 i = 0; i < size; ++i) {
                address account = address(uint160(i + 1));
                payouts.claim(account, 100 + i, ReferencePayoutTree.proof(leaves, i), coin);
                vm.assertEq(coin.balanceOf(account), 100 + i);
            }
            vm.assertEq(coin.balanceOf(address(payouts)), 0);
        }
    }

    /// A leaf is hashed twice, of 160 bytes: no account and amount are the 64 bytes below an inner node.
    function test_noWordsOfAClaimAreAnInnerNode() public {
        bytes32[] memory leaves = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            leaves[i] = payouts.leafOf(coin, address(uint160(i + 1)), 100);
        }
        settled(leaves, 300);
        bytes32[] memory path = new bytes32[](1);
        path[0] = leaves[2];
        bytes32 inner = ReferencePayoutTree.pair(leaves[0], leaves[1]);
        vm.assertEq(ReferencePayoutTree.pair(inner, path[0]), ReferencePayoutTree.root(leaves));
        // As if the inner node were an account's leaf: its two halves as account and amount, or the next words.
        wrong(address(uint160(uint256(leaves[0]))), uint256(leaves[1]), path);
        wrong(address(uint160(uint256(leaves[1]))), uint256(leaves[0]), path);
        wrong(address(uint160(uint256(inner))), 100, path);
        vm.assertTrue(
            keccak256(abi.encode(block.chainid, payouts, coin, address(1), uint256(100))) != leaves[0],
            "hashed twice"
        );
    }

    function test_aPathThatIsTooLongOrOutOfOrderIsWrong() public {
        bytes32[] memory leaves = new bytes32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            leaves[i] = payouts.leafOf(coin, address(uint160(i + 1)), 100);
        }
        settled(leaves, 400);
        bytes32[] memory path = ReferencePayoutTree.proof(leaves, 0);
        bytes32[] memory turned = new bytes32[](2);
        (turned[0], turned[1]) = (path[1], path[0]);
        wrong(address(1), 100, turned);
        bytes32[] memory longer = new bytes32[](3);
        (longer[0], longer[1]) = (path[0], path[1]);
        wrong(address(1), 100, longer);
        wrong(address(1), 100, new bytes32[](2));
    }

    /// A list that names Alice twice, with the same amount and with two: she is paid the larger one, once.
    function test_aLeafThatStandsThereTwiceIsPaidOnce() public {
        bytes32[] memory leaves = new bytes32[](3);
        leaves[0] = payouts.leafOf(coin, ALICE, 70);
        leaves[1] = payouts.leafOf(coin, ALICE, 70);
        leaves[2] = payouts.leafOf(coin, ALICE, 90);
        settled(leaves, 230);
        bytes memory nothing = abi.encodeWithSelector(PayoutDistributor.NothingToClaim.selector, ALICE);
        payouts.claim(ALICE, 70, ReferencePayoutTree.proof(leaves, 0), coin);
        bytes32[] memory second = ReferencePayoutTree.proof(leaves, 1);
        vm.expectRevert(nothing);
        payouts.claim(ALICE, 70, second, coin);
        payouts.claim(ALICE, 90, ReferencePayoutTree.proof(leaves, 2), coin);
        vm.assertEq(coin.balanceOf(ALICE), 90);
        vm.expectRevert(nothing);
        payouts.claim(ALICE, 70, second, coin);
        vm.assertEq(coin.balanceOf(address(payouts)), 140);
    }
}
