// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {ReferenceHead} from "./ReferenceHead.sol";
import {Test} from "./Vm.sol";

contract ProvenanceAnchorTest is Test {
    address internal constant OWNER = address(0xA0);
    address internal constant ANCHORER = address(0xA1);
    address internal constant DAVE = address(0xDA);
    bytes32 internal constant ROOT = keccak256("root");
    bytes32 internal constant NEXT_ROOT = keccak256("next root");
    bytes32 internal constant NOTE = keccak256("note");

    ProvenanceAnchor internal book;

    function setUp() public {
        book = new ProvenanceAnchor(OWNER, ANCHORER);
        vm.warp(1_795_312_800);
        vm.roll(77);
    }

    function anchorAs(address who, bytes32 root, uint64 size) internal {
        vm.prank(who);
        book.anchor(root, size, NOTE);
    }

    function test_aNewBookHasANonZeroHeadAndNothingElse() public view {
        vm.assertEq(book.head() << 176, 0);
        vm.assertTrue(book.head() != 0);
        vm.assertEq(book.anchorOf(ROOT).seq, 0);
        vm.assertEq(book.anchorOf(ROOT).anchoredAt, 0);
    }

    function test_anchorIsWrittenWithTimeBlockSizeAndSeq() public {
        anchorAs(ANCHORER, ROOT, 10);
        ProvenanceAnchor.Anchor memory found = book.anchorOf(ROOT);
        vm.assertEq(found.anchoredAt, 1_795_312_800);
        vm.assertEq(found.blockNumber, 77);
        vm.assertEq(found.size, 10);
        vm.assertEq(found.seq, 1);
    }

    function test_anchorTellsTheWorld() public {
        bytes32 expected = ReferenceHead.after_(book.head(), ROOT, 10, NOTE);
        vm.expectEmit();
        emit ProvenanceAnchor.CheckpointAnchored(ROOT, NOTE, expected);
        anchorAs(ANCHORER, ROOT, 10);
        vm.assertEq(book.head(), expected);
    }

    function test_headEndsInSeqAndSize() public {
        anchorAs(ANCHORER, ROOT, 10);
        anchorAs(ANCHORER, NEXT_ROOT, 0xABCDEF);
        bytes32 head = book.head();
        vm.assertEq(uint48(uint256(head)), 0xABCDEF);
        vm.assertEq(uint32(uint256(head) >> 48), 2);
    }

    function test_theFirstHeadNamesChainAndContract() public view {
        vm.assertEq(book.head(), ReferenceHead.first(block.chainid, address(book)));
    }

    function test_twoBooksHaveTwoHistories() public {
        ProvenanceAnchor other = new ProvenanceAnchor(OWNER, ANCHORER);
        vm.assertTrue(other.head() != book.head());
    }

    function test_aStrangerMayNotAnchor() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotAnchorer.selector, DAVE));
        anchorAs(DAVE, ROOT, 10);
        vm.assertEq(book.anchorOf(ROOT).seq, 0);
    }

    function test_theOwnerMayNotAnchorEither() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotAnchorer.selector, OWNER));
        anchorAs(OWNER, ROOT, 10);
    }

    function test_theSameRootIsRefusedByName() public {
        anchorAs(ANCHORER, ROOT, 10);
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.AlreadyAnchored.selector, ROOT, uint64(1)));
        anchorAs(ANCHORER, ROOT, 11);
    }

    function test_aSmallerOrEqualTreeIsRefused() public {
        anchorAs(ANCHORER, ROOT, 10);
        bytes32 head = book.head();
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotGrowing.selector, uint64(9), uint64(10)));
        anchorAs(ANCHORER, NEXT_ROOT, 9);
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotGrowing.selector, uint64(10), uint64(10)));
        anchorAs(ANCHORER, NEXT_ROOT, 10);
        vm.assertEq(book.head(), head);
        vm.assertEq(book.anchorOf(NEXT_ROOT).seq, 0);
    }

    function test_anEmptyTreeIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotGrowing.selector, uint64(0), uint64(0)));
        anchorAs(ANCHORER, ROOT, 0);
    }

    function test_aTreePastTheLimitIsRefused() public {
        uint64 limit = type(uint48).max;
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.SizeTooLarge.selector, limit + 1));
        anchorAs(ANCHORER, ROOT, limit + 1);
        anchorAs(ANCHORER, ROOT, limit);
        vm.assertEq(book.anchorOf(ROOT).size, limit);
        vm.assertEq(uint48(uint256(book.head())), limit);
    }

    function test_aNewAnchorerContinuesTheHistory() public {
        anchorAs(ANCHORER, ROOT, 10);
        bytes32 head = book.head();
        vm.expectEmit();
        emit ProvenanceAnchor.AnchorerChanged(ANCHORER, DAVE);
        vm.prank(OWNER);
        book.setAnchorer(DAVE);
        vm.assertEq(book.anchorer(), DAVE);
        vm.assertEq(book.head(), head);

        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotAnchorer.selector, ANCHORER));
        anchorAs(ANCHORER, NEXT_ROOT, 11);
        anchorAs(DAVE, NEXT_ROOT, 11);
        vm.assertEq(book.anchorOf(NEXT_ROOT).seq, 2);
    }

    function test_namingTheSameAnchorerAgainKeepsTheHead() public {
        anchorAs(ANCHORER, ROOT, 10);
        bytes32 head = book.head();
        vm.prank(OWNER);
        book.setAnchorer(ANCHORER);
        vm.assertEq(book.head(), head);
        anchorAs(ANCHORER, NEXT_ROOT, 11);
    }

    function test_nobodyAsAnchorerStopsAnchoringUntilSomebodyIsNamed() public {
        anchorAs(ANCHORER, ROOT, 10);
        vm.prank(OWNER);
        book.setAnchorer(address(0));
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotAnchorer.selector, ANCHORER));
        anchorAs(ANCHORER, NEXT_ROOT, 11);
        vm.assertEq(uint32(uint256(book.head()) >> 48), 1);
        vm.prank(OWNER);
        book.setAnchorer(ANCHORER);
        anchorAs(ANCHORER, NEXT_ROOT, 11);
        vm.assertEq(book.anchorOf(NEXT_ROOT).seq, 2);
    }

    function test_onlyTheOwnerNamesTheAnchorer() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ANCHORER));
        vm.prank(ANCHORER);
        book.setAnchorer(DAVE);
        vm.assertEq(book.anchorer(), ANCHORER);
    }

    function test_ownershipMovesInTwoSteps() public {
        vm.prank(OWNER);
        book.transferOwnership(DAVE);
        vm.assertEq(book.owner(), OWNER);
        vm.prank(DAVE);
        book.acceptOwnership();
        vm.assertEq(book.owner(), DAVE);
    }

    function testFuzz_onlyGrowingTreesWithNewRootsPass(uint64 first, uint64 second, bytes32 a, bytes32 b)
        public
    {
        vm.assume(a != b);
        first = uint64(bound(first, 1, type(uint48).max));
        second = uint64(bound(second, 1, type(uint48).max));
        anchorAs(ANCHORER, a, first);
        if (second <= first) {
            vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotGrowing.selector, second, first));
        }
        anchorAs(ANCHORER, b, second);
        vm.assertEq(book.anchorOf(b).size, second > first ? second : 0);
    }

    function testFuzz_noStrangerAnchors(address who, bytes32 root, uint64 size) public {
        vm.assume(who != ANCHORER);
        vm.expectRevert(abi.encodeWithSelector(ProvenanceAnchor.NotAnchorer.selector, who));
        anchorAs(who, root, size);
    }
}
