// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {Rfc6962} from "../src/Rfc6962.sol";
import {ReferenceTree} from "./ReferenceTree.sol";
import {Test} from "./Vm.sol";

contract InclusionTest is Test {
    ProvenanceAnchor internal book;

    function setUp() public {
        book = new ProvenanceAnchor(address(this), address(this));
    }

    function leavesOf(uint256 size) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = ReferenceTree.leafHash(abi.encode("entry", i));
        }
    }

    function anchorTree(bytes32[] memory leaves) internal returns (bytes32 root) {
        root = ReferenceTree.root(leaves, 0, leaves.length);
        book.anchor(root, uint64(leaves.length), 0);
    }

    /// The eight inputs of the Certificate Transparency reference implementation, and its published root.
    function test_theTreeOfCertificateTransparency() public {
        bytes[8] memory entries = [
            bytes(""),
            hex"00",
            hex"10",
            hex"2021",
            hex"3031",
            hex"40414243",
            hex"5051525354555657",
            hex"606162636465666768696a6b6c6d6e6f"
        ];
        bytes32[] memory leaves = new bytes32[](8);
        for (uint256 i = 0; i < 8; ++i) {
            leaves[i] = ReferenceTree.leafHash(entries[i]);
        }
        bytes32 root = anchorTree(leaves);
        vm.assertEq(root, 0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328);

        bytes32[] memory proof = new bytes32[](3);
        proof[0] = 0x96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7;
        proof[1] = 0x5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e;
        proof[2] = 0x6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4;
        vm.assertTrue(book.verifyInclusion(root, leaves[0], 0, proof));
    }

    function test_everyLeafOfEverySmallTree() public {
        for (uint64 size = 1; size <= 20; ++size) {
            bytes32[] memory leaves = leavesOf(size);
            bytes32 root = anchorTree(leaves);
            for (uint64 index = 0; index < size; ++index) {
                bytes32[] memory proof = ReferenceTree.path(leaves, index, 0, size);
                vm.assertTrue(book.verifyInclusion(root, leaves[index], index, proof), "true proof");
                for (uint64 other = 0; other < size + 2; ++other) {
                    if (other == index) continue;
                    vm.assertFalse(book.verifyInclusion(root, leaves[index], other, proof), "other index");
                }
            }
        }
    }

    function testFuzz_trueProofsPassAndBentOnesFail(uint256 size, uint64 index, uint256 bit) public {
        size = bound(size, 2, 70);
        index = uint64(bound(index, 0, size - 1));
        bytes32[] memory leaves = leavesOf(size);
        bytes32 root = anchorTree(leaves);
        bytes32[] memory proof = ReferenceTree.path(leaves, index, 0, size);
        vm.assertTrue(book.verifyInclusion(root, leaves[index], index, proof));

        bit = bound(bit, 0, 255 + proof.length * 256);
        bytes32 flip = bytes32(uint256(1) << (bit % 256));
        if (bit < 256) {
            vm.assertFalse(book.verifyInclusion(root, leaves[index] ^ flip, index, proof));
        } else {
            proof[bit / 256 - 1] ^= flip;
            vm.assertFalse(book.verifyInclusion(root, leaves[index], index, proof));
        }
    }

    function testFuzz_aProofOfAnotherLengthFails(uint256 size, uint64 index, bytes32 extra) public {
        size = bound(size, 2, 70);
        index = uint64(bound(index, 0, size - 1));
        bytes32[] memory leaves = leavesOf(size);
        bytes32 root = anchorTree(leaves);
        bytes32[] memory proof = ReferenceTree.path(leaves, index, 0, size);
        bytes32[] memory longer = new bytes32[](proof.length + 1);
        bytes32[] memory shorter = new bytes32[](proof.length - 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
            if (i < shorter.length) shorter[i] = proof[i];
        }
        longer[proof.length] = extra;
        vm.assertFalse(book.verifyInclusion(root, leaves[index], index, longer));
        vm.assertFalse(book.verifyInclusion(root, leaves[index], index, shorter));
    }

    /// An inner node is no leaf: with its own children's subtree cut off, the path has the wrong length.
    function test_anInnerNodeDoesNotPassForALeaf() public {
        bytes32[] memory leaves = leavesOf(4);
        bytes32 root = anchorTree(leaves);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = Rfc6962.hashPair(leaves[2], leaves[3]);
        bytes32 inner = Rfc6962.hashPair(leaves[0], leaves[1]);
        vm.assertEq(Rfc6962.hashPair(inner, proof[0]), root);
        vm.assertFalse(book.verifyInclusion(root, inner, 0, proof));
    }

    function testFuzz_nothingIsIncludedInARootThatWasNotAnchored(bytes32 leaf, uint64 index) public view {
        vm.assertFalse(book.verifyInclusion(leaf, leaf, index, new bytes32[](0)));
    }

    function testFuzz_hashPairIsSha256BehindOne(bytes32 left, bytes32 right) public view {
        vm.assertEq(Rfc6962.hashPair(left, right), sha256(abi.encodePacked(bytes1(0x01), left, right)));
    }

    /// Depth 20 is a log of a million entries; a contract that asks pays this much beside its own call.
    function test_depth20CostsLessThan50k() public {
        bytes32 hash = ReferenceTree.leafHash("entry");
        bytes32[] memory proof = new bytes32[](20);
        uint64 index = 0xABCDE;
        bytes32 root = hash;
        for (uint256 i = 0; i < 20; ++i) {
            proof[i] = keccak256(abi.encode(i));
            root = (index >> i) & 1 == 1 ? Rfc6962.hashPair(proof[i], root) : Rfc6962.hashPair(root, proof[i]);
        }
        book.anchor(root, 1 << 20, 0);
        uint256 before = gasleft();
        bool included = book.verifyInclusion(root, hash, index, proof);
        uint256 spent = before - gasleft();
        vm.assertTrue(included);
        vm.assertTrue(spent < 50_000, "verifyInclusion costs too much");
    }
}
