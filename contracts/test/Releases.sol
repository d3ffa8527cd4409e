// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AssetToken} from "../src/AssetToken.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {Receivers} from "./Receivers.sol";
import {ReferenceTree} from "./ReferenceTree.sol";
import {Signing} from "./Signing.sol";

/// @notice A log in a few lines, and tokens of its releases: what tests and invariants share.
abstract contract Releases is Signing {
    address internal constant ADMIN = address(0xAD);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant KEEPER = address(0x1E);
    address internal constant DAVE = address(0xDA);

    struct Place {
        bytes32 root;
        uint64 index;
        bytes32[] proof;
    }

    ProvenanceAnchor internal book;
    Receivers internal receivers;
    AssetToken internal tokens;
    uint64 internal logged = 1;

    function beginLog() internal {
        vm.warp(1_795_312_800);
        book = new ProvenanceAnchor(address(this), address(this));
        receivers = new Receivers();
        tokens =
            new AssetToken(ADMIN, GUARDIAN, KEEPER, book, receivers, "https://worldloom.example/releases/");
    }

    function entryOf(bytes32 release, address owner) internal pure returns (LogEntry.AssetToken memory) {
        return LogEntry.AssetToken(
            release,
            keccak256(abi.encode("split of", release)),
            owner,
            500,
            bytes16(keccak256(abi.encode("entry of", release, owner))),
            "2026-11-22T02:05:56Z"
        );
    }

    /// State the leaf in the log as its last but one entry, and anchor the tree.
    function anchored(bytes32 leaf) internal returns (Place memory place) {
        uint64 size = ++logged;
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = ReferenceTree.leafHash(abi.encode("some entry", size, i));
        }
        place.index = size - 2;
        leaves[size - 2] = leaf;
        place.root = ReferenceTree.root(leaves, 0, size);
        place.proof = ReferenceTree.path(leaves, size - 2, 0, size);
        book.anchor(place.root, size, 0);
    }

    function bring(LogEntry.AssetToken memory it, Place memory place, bytes memory signature)
        internal
        returns (uint256)
    {
        return tokens.materialize(it, place.root, place.index, place.proof, signature);
    }
}
