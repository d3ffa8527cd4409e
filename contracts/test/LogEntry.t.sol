// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {LogEntry} from "../src/LogEntry.sol";
import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {Signing} from "./Signing.sol";
import {EntryVectors} from "./vectors/EntryVectors.sol";

/// @notice The library's functions as a contract's, so that values arrive as calldata.
contract Entries {
    function assetTokenLeaf(LogEntry.AssetToken calldata it, address token) external view returns (bytes32) {
        return LogEntry.assetTokenLeaf(it, token);
    }

    function readGrant(bytes calldata entry) external pure returns (LogEntry.Grant memory) {
        return LogEntry.readGrant(entry);
    }

    function leafOf(bytes calldata entry) external pure returns (bytes32) {
        return LogEntry.leafOf(entry);
    }

    function checkedTime(bytes20 text) external pure returns (bytes20) {
        return LogEntry.checkedTime(text);
    }
}

contract LogEntryTest is Signing {
    Entries internal entries;

    function setUp() public {
        entries = new Entries();
    }

    function test_leavesOfAssetTokensAreThoseOfPython() public {
        EntryVectors.Token[] memory all = EntryVectors.tokens();
        for (uint256 i = 0; i < all.length; ++i) {
            vm.chainId(all[i].chainId);
            vm.assertEq(entries.assetTokenLeaf(all[i].it, all[i].token), all[i].leaf);
        }
    }

    function test_grantsOfPythonAreRead() public view {
        EntryVectors.GrantEntry[] memory all = EntryVectors.grants();
        for (uint256 i = 0; i < all.length; ++i) {
            LogEntry.Grant memory said = entries.readGrant(all[i].entry);
            vm.assertEq(keccak256(abi.encode(said)), keccak256(abi.encode(all[i].said)), "what it says");
            vm.assertEq(entries.leafOf(all[i].entry), all[i].leaf, "its leaf");
        }
    }

    /// The tree of Python over all of them, with its audit paths.
    function test_everyEntryIsInTheTreeOfPython() public {
        ProvenanceAnchor book = new ProvenanceAnchor(address(this), address(this));
        EntryVectors.Token[] memory tokens = EntryVectors.tokens();
        EntryVectors.GrantEntry[] memory grants = EntryVectors.grants();
        bytes[] memory paths = EntryVectors.paths();
        vm.assertEq(paths.length, tokens.length + grants.length);
        book.anchor(EntryVectors.ROOT, uint64(paths.length), 0);
        for (uint256 i = 0; i < paths.length; ++i) {
            bytes32[] memory path = new bytes32[](paths[i].length / 32);
            for (uint256 j = 0; j < path.length; ++j) {
                path[j] = word(paths[i], 32 * j);
            }
            bytes32 leaf = i < tokens.length ? tokens[i].leaf : grants[i - tokens.length].leaf;
            vm.assertTrue(book.verifyInclusion(EntryVectors.ROOT, leaf, uint64(i), path));
        }
    }

    /// Any byte of a grant that is changed makes it no grant, or another statement: never the same one.
    function testFuzz_aBentGrantIsNotReadAsTheSame(uint256 which, uint256 where, uint8 change) public view {
        EntryVectors.GrantEntry[] memory all = EntryVectors.grants();
        EntryVectors.GrantEntry memory one = all[which % all.length];
        bytes memory entry = one.entry;
        where %= entry.length;
        vm.assume(change != 0);
        entry[where] = bytes1(uint8(entry[where]) ^ change);
        try entries.readGrant(entry) returns (LogEntry.Grant memory said) {
            // Only digits of a value can differ; ordered_at and the entry's own id are not part of what is returned.
            vm.assertTrue(entries.leafOf(entry) != one.leaf);
            bytes1 found = entry[where];
            vm.assertTrue((found >= "0" && found <= "9") || (found >= "a" && found <= "f"), "a digit");
            vm.assertTrue(said.grant != 0);
        } catch {}
    }

    function test_aShortenedOrLongerGrantIsNone() public view {
        bytes memory entry = EntryVectors.grants()[9].entry;
        for (uint256 length = 0; length < entry.length; ++length) {
            bytes memory part = new bytes(length);
            for (uint256 i = 0; i < length; ++i) {
                part[i] = entry[i];
            }
            vm.assertTrue(refused(part), "shortened");
        }
        vm.assertTrue(refused(abi.encodePacked(entry, " ")), "longer");
    }

    /// Another type with a grant's words inside is refused: the whole document is compared, not parts of it.
    function test_aStatusOfAGrantIsNoGrant() public view {
        bytes memory entry =
            '{"body":{"grant":"00000000-0000-4000-8000-000000000001","status":"revoked"},"format":"worldloom/ledger-entry/2","id":"00000000-0000-4000-8000-000000000002","signatures":[],"stated_at":"2026-11-22T02:05:56Z","type":"grant-status"}';
        vm.assertTrue(refused(entry));
    }

    function test_upperCaseDigitsAreRefused() public view {
        bytes memory entry = EntryVectors.grants()[0].entry;
        // The certificate begins behind 24 characters.
        for (uint256 i = 24; i < 88; ++i) {
            if (entry[i] < "a") continue;
            bytes1 before = entry[i];
            entry[i] = bytes1(uint8(before) - 32);
            vm.assertTrue(refused(entry));
            entry[i] = before;
        }
    }

    function refused(bytes memory entry) internal view returns (bool) {
        try entries.readGrant(entry) {
            return false;
        } catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), bytes32(LogEntry.NotAGrant.selector), "by name");
            return true;
        }
    }

    function testFuzz_digestsAreLowerCaseHex(bytes32 value) public pure {
        bytes memory expected = bytes(Strings.toHexString(uint256(value), 32));
        vm.assertEq(keccak256(abi.encodePacked("0x", LogEntry.digestText(value))), keccak256(expected));
    }

    /// The entry put together by OpenZeppelin's words, and not word by word in memory.
    function testFuzz_theLeafIsThatOfTheText(LogEntry.AssetToken memory it, address token, uint64 chain)
        public
    {
        it.statedAt = "2026-11-22T02:05:56Z";
        chain = uint64(bound(chain, 1, 2 ** 53 - 1));
        vm.chainId(chain);
        bytes memory head = abi.encodePacked(
            '{"body":{"bps":',
            Strings.toString(it.bps),
            ',"chain_id":',
            Strings.toString(chain),
            ',"contract":"',
            Strings.toHexString(token),
            '","owner":"',
            Strings.toHexString(it.owner)
        );
        bytes memory entry = abi.encodePacked(
            head,
            '","release":"',
            LogEntry.digestText(it.release),
            '","split":"',
            LogEntry.digestText(it.split),
            '"},"format":"worldloom/ledger-entry/2","id":"',
            LogEntry.uuidText(it.id),
            '","signatures":[],"stated_at":"2026-11-22T02:05:56Z","type":"asset-token"}'
        );
        vm.assertEq(entries.assetTokenLeaf(it, token), sha256(abi.encodePacked(bytes1(0), entry)));
    }

    function test_aUuidHasItsHyphens() public pure {
        bytes memory text = LogEntry.uuidText(0x1c9e2b346f0d4e218a775b1d6f2e9c02);
        vm.assertEq(keccak256(text), keccak256("1c9e2b34-6f0d-4e21-8a77-5b1d6f2e9c02"));
    }

    /// Each position takes the ten digits or its one mark, of all 256 bytes.
    function test_aTimeHasTheFormOfATime() public view {
        bytes memory form = "2026-11-22T02:05:56Z";
        for (uint256 i = 0; i < 20; ++i) {
            bytes1 mark = form[i];
            bool digit = mark >= "0" && mark <= "9";
            for (uint256 c = 0; c < 256; ++c) {
                form[i] = bytes1(uint8(c));
                bool expected = digit ? c >= 0x30 && c <= 0x39 : form[i] == mark;
                vm.assertTrue(isTime(bytes20(form)) == expected);
            }
            form[i] = mark;
        }
    }

    function testFuzz_noOtherTwentyBytesAreATime(bytes20 text) public view {
        bytes memory form = "0000-00-00T00:00:00Z";
        bool expected = true;
        for (uint256 i = 0; i < 20; ++i) {
            expected = expected && (form[i] == "0" ? text[i] >= "0" && text[i] <= "9" : text[i] == form[i]);
        }
        vm.assertTrue(isTime(text) == expected);
    }

    function isTime(bytes20 text) internal view returns (bool) {
        try entries.checkedTime(text) returns (bytes20 same) {
            return same == text;
        } catch {
            return false;
        }
    }
}
