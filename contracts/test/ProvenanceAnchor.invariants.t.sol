// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {ReferenceHead} from "./ReferenceHead.sol";
import {Test} from "./Vm.sol";

/// @notice Plays owner, anchorers and strangers, and keeps its own copy of all that was accepted.
contract Crowd is Test {
    struct Fact {
        bytes32 root;
        bytes32 noteDigest;
        uint64 size;
        uint64 anchoredAt;
        uint64 blockNumber;
    }

    ProvenanceAnchor public immutable BOOK;
    address public constant OWNER = address(0xA0);

    Fact[] public facts;
    /// @notice The head that follows from all facts, by the format's page.
    bytes32 public expectedHead;
    address public expectedAnchorer;
    uint256 public strangersLetIn;

    constructor() {
        expectedAnchorer = person(0);
        BOOK = new ProvenanceAnchor(OWNER, expectedAnchorer);
        expectedHead = ReferenceHead.first(block.chainid, address(BOOK));
    }

    function person(uint256 seed) public pure returns (address) {
        return address(uint160(0xB0 + seed % 4));
    }

    function count() external view returns (uint256) {
        return facts.length;
    }

    function anchor(uint256 who, uint256 rootSeed, uint256 size, bytes32 note) external {
        address sender = person(who);
        // Few roots and small steps, so that repeats and shrinking trees happen often.
        bytes32 root = keccak256(abi.encode(rootSeed % 500));
        uint64 last = uint48(uint256(BOOK.head()));
        uint64 asked = uint64(bound(size, last > 3 ? last - 3 : 0, uint256(last) + 20));
        vm.prank(sender);
        try BOOK.anchor(root, asked, note) {
            if (sender != expectedAnchorer) strangersLetIn++;
            expectedHead = ReferenceHead.after_(expectedHead, root, asked, note);
            facts.push(Fact(root, note, asked, uint64(block.timestamp), uint64(block.number)));
        } catch {}
    }

    function setAnchorer(uint256 who, uint256 next) external {
        address sender = who % 2 == 0 ? OWNER : person(who);
        address named = next % 5 == 4 ? address(0) : person(next);
        vm.prank(sender);
        try BOOK.setAnchorer(named) {
            if (sender != OWNER) strangersLetIn++;
            expectedAnchorer = named;
        } catch {}
    }

    function wait(uint256 time) external {
        uint256 step = bound(time, 1, 1 days);
        vm.warp(block.timestamp + step);
        vm.roll(block.number + 1 + step / 12);
    }
}

contract ProvenanceAnchorInvariants is Test {
    Crowd internal crowd;
    ProvenanceAnchor internal book;

    function setUp() public {
        vm.warp(1_795_312_800);
        crowd = new Crowd();
        book = crowd.BOOK();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// forge calls this after each run: every fact of the run against what the contract says in the end.
    function afterInvariant() external view {
        uint256 count = crowd.count();
        uint64 before = 0;
        for (uint256 i = 0; i < count; ++i) {
            before = checkFact(i, before);
        }
    }

    /// After each call: the oldest and the newest fact; the whole list would make a run quadratic. One campaign for
    /// all: each invariant has one of its own, and the same calls in it.
    function invariant_anAnchorNeverChangesAndTheHeadReplays() external view {
        theHeadReplaysFromTheAnchors();
        nobodyActsOutOfRole();
        uint256 count = crowd.count();
        if (count == 0) return;
        checkFact(0, 0);
        checkFact(count - 1, 0);
    }

    function checkFact(uint256 i, uint64 before) internal view returns (uint64) {
        (bytes32 root,, uint64 size, uint64 anchoredAt, uint64 blockNumber) = crowd.facts(i);
        ProvenanceAnchor.Anchor memory found = book.anchorOf(root);
        vm.assertEq(found.seq, i + 1, "seq without a gap");
        vm.assertEq(found.size, size, "size");
        vm.assertEq(found.anchoredAt, anchoredAt, "time");
        vm.assertEq(found.blockNumber, blockNumber, "block");
        vm.assertTrue(size > before, "trees only grow");
        return size;
    }

    function theHeadReplaysFromTheAnchors() internal view {
        vm.assertEq(book.head(), crowd.expectedHead(), "head");
        vm.assertEq(uint32(uint256(book.head()) >> 48), crowd.count(), "count");
    }

    function nobodyActsOutOfRole() internal view {
        vm.assertEq(crowd.strangersLetIn(), 0, "strangers");
        vm.assertEq(book.anchorer(), crowd.expectedAnchorer());
        vm.assertEq(book.owner(), crowd.OWNER());
    }
}
