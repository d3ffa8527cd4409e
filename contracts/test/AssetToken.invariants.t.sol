// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AssetToken} from "../src/AssetToken.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {Releases} from "./Releases.sol";

/// @notice Creators, relays and thieves around one log; keeps what the log said and who signed it.
contract Weavers is Releases {
    uint256 internal constant RELEASES = 12;
    uint256 internal constant PEOPLE = 4;

    struct Stated {
        LogEntry.AssetToken it;
        Place place;
        bool anchored;
        bool signed;
    }

    Stated[] internal stated;
    mapping(uint256 tokenId => address) public expectedOwner;
    mapping(uint256 tokenId => bytes32) public expectedSplit;
    mapping(uint256 tokenId => uint256) public before;
    uint256 public wrongly;
    uint256 public made;

    constructor() {
        beginLog();
    }

    function contractUnderTest() external view returns (AssetToken) {
        return tokens;
    }

    function keyOf(uint256 person) public pure returns (uint256) {
        return 0xA11CE + person % PEOPLE;
    }

    function tokenOf(uint256 release) public pure returns (uint256) {
        return uint256(keccak256(abi.encode("release", release % RELEASES)));
    }

    /// The log states an entry for somebody; sometimes nobody anchors it.
    function state(uint256 release, uint256 person, uint16 bps, bool anchor) external {
        if (stated.length >= 24) return;
        LogEntry.AssetToken memory it = entryOf(bytes32(tokenOf(release)), vm.addr(keyOf(person)));
        it.bps = uint16(bound(bps, 0, 1100));
        it.id = bytes16(keccak256(abi.encode(stated.length)));
        Stated storage one = stated.push();
        one.it = it;
        one.anchored = anchor;
        bytes32 leaf = tokens.leafOf(it);
        if (anchor) {
            Place memory place = anchored(leaf);
            one.place = place;
        } else {
            one.place.root = leaf;
        }
    }

    /// Somebody brings a statement with somebody's signature, which may be the wrong one, and perhaps changes it.
    function materialize(uint256 which, uint256 signer, uint256 bend, address relay) external {
        if (stated.length == 0) return;
        Stated memory one = stated[which % stated.length];
        bool bent = bend % 4 == 0;
        if (bent) one.it.split = keccak256("thief's split");
        uint256 key = keyOf(signer);
        bool right = one.anchored && !bent && vm.addr(key) == one.it.owner && one.it.bps <= 1000
            && expectedOwner[uint256(one.it.release)] == address(0) && !tokens.paused()
            && one.place.index >= before[uint256(one.it.release)];
        bytes memory signature = signed(key, tokens.digestToSign(tokens.leafOf(one.it)));
        vm.prank(relay);
        try tokens.materialize(one.it, one.place.root, one.place.index, one.place.proof, signature) returns (
            uint256 id
        ) {
            if (!right || id != uint256(one.it.release)) ++wrongly;
            expectedOwner[id] = one.it.owner;
            expectedSplit[id] = one.it.split;
            ++made;
        } catch {
            if (right) ++wrongly;
        }
    }

    /// The log passes a release on; what was stated of it before is overtaken, unless there is a token.
    function supersede(uint256 release, uint256 position, bool keeper) external {
        if (release % 3 != 0) return;
        uint256 id = tokenOf(release / 3);
        uint64 position_ = uint64(bound(position, 0, logged));
        bool right = keeper && expectedOwner[id] == address(0) && position_ > before[id];
        vm.prank(keeper ? KEEPER : DAVE);
        try tokens.supersede(bytes32(id), position_) {
            if (!right) ++wrongly;
            before[id] = position_;
        } catch {
            if (right) ++wrongly;
        }
    }

    /// Somebody moves a token, or tries to.
    function move(uint256 release, uint256 from, uint256 to) external {
        uint256 id = tokenOf(release);
        address owner = expectedOwner[id];
        address mover = vm.addr(keyOf(from));
        address next = vm.addr(keyOf(to));
        vm.prank(mover);
        try tokens.transferFrom(owner, next, id) {
            if (mover != owner) ++wrongly;
            expectedOwner[id] = next;
        } catch {
            // Also while paused the holder can move it.
            if (mover == owner) ++wrongly;
        }
    }

    function pause(uint256 wait, bool stop) external {
        vm.warp(block.timestamp + bound(wait, 0, 3 days));
        vm.prank(stop ? GUARDIAN : DAVE);
        try tokens.pause() {
            if (!stop) ++wrongly;
        } catch {}
    }
}

contract AssetTokenInvariants is Releases {
    Weavers internal weavers;

    function setUp() public {
        weavers = new Weavers();
        tokens = weavers.contractUnderTest();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(weavers);
    }

    function invariant_noTokenWithoutAnAnchoredEntryAndItsOwnersSignature() external view {
        vm.assertEq(weavers.wrongly(), 0);
    }

    /// forge calls this after each run: each token is where its history put it.
    function afterInvariant() external view {
        uint256 found;
        for (uint256 i = 0; i < 12; ++i) {
            uint256 id = weavers.tokenOf(i);
            address owner = weavers.expectedOwner(id);
            if (owner == address(0)) {
                vm.assertEq(weavers.expectedSplit(id), 0);
                vm.assertEq(tokens.royaltyOf(id).receiver, address(0));
                continue;
            }
            ++found;
            vm.assertEq(tokens.ownerOf(id), owner);
            vm.assertTrue(tokens.royaltyOf(id).bps <= 1000);
            vm.assertTrue(tokens.royaltyOf(id).anchoredAt != 0);
        }
        vm.assertEq(found, weavers.made());
    }
}
