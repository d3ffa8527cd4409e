// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Entries of the provenance log, as exact bytes
/// @notice The log's leaves are RFC 8785 (JCS) JSON documents of the format worldloom/ledger-entry/2. Their members
/// stand in one order, without spaces, and none of the values used here needs an escape: so an entry can be written
/// from typed values and read by comparing it with what it must say, and no general JSON parser is needed.
///
/// An entry of the type `asset-token` (one line):
///
///     {"body":{"bps":500,"chain_id":31337,"contract":"0x…","owner":"0x…","release":"…","split":"…"},
///      "format":"worldloom/ledger-entry/2","id":"…","signatures":[],"stated_at":"2026-11-22T02:05:56Z",
///      "type":"asset-token"}
///
/// `bps` 0 to 1000, the royalty that is asked of later sales, in ten-thousandths · `chain_id` and `contract` (0x and
/// 40 lower-case hex digits) the one contract where the token may be made · `owner` (likewise) who signs for it and
/// gets it · `release` and `split` the digests of the manifest and of the split, 64 lower-case hex digits.
library LogEntry {
    /// @notice What an asset-token entry says, without what the contract knows itself.
    /// @param release SHA-256 of the release's manifest
    /// @param split SHA-256 of the worldloom/split/1 document
    /// @param owner who gets the token
    /// @param bps royalty in ten-thousandths
    /// @param id the entry's UUID
    /// @param statedAt the entry's stated_at, its 20 ASCII bytes
    struct AssetToken {
        bytes32 release;
        bytes32 split;
        address owner;
        uint16 bps;
        bytes16 id;
        bytes20 statedAt;
    }

    /// @notice What a grant entry says: who holds which license, the holder as a salted commitment.
    struct Grant {
        bytes16 grant;
        bytes16 offer;
        bytes16 replaces;
        bytes32 release;
        bytes32 terms;
        bytes32 licenseeCommitment;
        bytes32 certificate;
        bytes20 statedAt;
    }

    /// @notice The 20 bytes are not of the form 2026-11-22T02:05:56Z.
    error NotATime(bytes20 statedAt);

    /// @notice The bytes are not a grant entry: they part from its form at this position.
    error NotAGrant(uint256 position);

    uint256 private constant _LOW_NIBBLES =
        0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
    uint256 private constant _ONES = 0x0101010101010101010101010101010101010101010101010101010101010101;

    /// @notice Return SHA-256(0x00 || entry) of the asset-token entry for `token` and this chain.
    /// @dev Reverts with NotATime; every other value has a text. Written word by word behind the free memory pointer,
    /// each word over the unused end of the one before: as one abi.encodePacked it costs 2,000 gas more.
    function assetTokenLeaf(AssetToken calldata it, address token) internal view returns (bytes32 leaf) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
        }
        uint256 end = _put(start, '\x00{"body":{"bps":', 16);
        end = _putDecimal(end, it.bps);
        end = _put(end, ',"chain_id":', 12);
        end = _putDecimal(end, block.chainid);
        end = _put(end, ',"contract":"0x', 15);
        end = _putAddress(end, token);
        end = _put(end, '","owner":"0x', 13);
        end = _putAddress(end, it.owner);
        end = _put(end, '","release":"', 13);
        end = _putDigest(end, it.release);
        end = _put(end, '","split":"', 11);
        end = _putDigest(end, it.split);
        end = _put(end, '"},"format":"worldloom/ledger-en', 32);
        end = _put(end, 'try/2","id":"', 13);
        end = _putUuid(end, it.id);
        end = _put(end, '","signatures":[],"stated_at":"', 31);
        end = _put(end, checkedTime(it.statedAt), 20);
        end = _put(end, '","type":"asset-token"}', 23);
        bool done;
        assembly ("memory-safe") {
            done := staticcall(gas(), 0x02, start, sub(end, start), 0x00, 0x20)
            leaf := mload(0x00)
        }
        // The precompile fails only for want of gas; what is left would then hold no digest.
        require(done);
    }

    /// @notice Read a grant entry; every byte of it must be as the log writes it, or NotAGrant.
    function readGrant(bytes calldata entry) internal pure returns (Grant memory said) {
        uint256 pos = _expect(entry, 0, '{"body":{"certificate":"');
        (said.certificate, pos) = _digest(entry, pos);
        pos = _expect(entry, pos, '","grant":"');
        (said.grant, pos) = _uuid(entry, pos);
        pos = _expect(entry, pos, '","licensee_commitment":"');
        (said.licenseeCommitment, pos) = _digest(entry, pos);
        pos = _expect(entry, pos, '","offer":"');
        (said.offer, pos) = _uuid(entry, pos);
        pos = _expect(entry, pos, '",');
        if (_starts(entry, pos, '"ordered_at":')) pos = _expect(entry, _number(entry, pos + 13), ",");
        pos = _expect(entry, pos, '"release":"');
        (said.release, pos) = _digest(entry, pos);
        pos = _expect(entry, pos, '",');
        if (_starts(entry, pos, '"replaces":"')) {
            (said.replaces, pos) = _uuid(entry, pos + 12);
            pos = _expect(entry, pos, '",');
        }
        pos = _expect(entry, pos, '"terms":"');
        (said.terms, pos) = _digest(entry, pos);
        pos = _expect(entry, pos, '"},"format":"worldloom/ledger-entry/2","id":"');
        (, pos) = _uuid(entry, pos);
        pos = _expect(entry, pos, '","signatures":[],"stated_at":"');
        if (entry.length < pos + 20) revert NotAGrant(pos);
        said.statedAt = checkedTime(bytes20(entry[pos:pos + 20]));
        pos = _expect(entry, pos + 20, '","type":"grant"}');
        if (pos != entry.length) revert NotAGrant(pos);
    }

    /// @notice Return SHA-256(0x00 || entry).
    function leafOf(bytes calldata entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    /// @notice Return 64 lower-case hex digits.
    function digestText(bytes32 value) internal pure returns (bytes memory) {
        return abi.encodePacked(hexText(uint128(uint256(value) >> 128)), hexText(uint128(uint256(value))));
    }

    /// @notice Return 36 characters: 8-4-4-4-12 lower-case hex digits.
    function uuidText(bytes16 value) internal pure returns (bytes memory) {
        bytes32 text = hexText(uint128(value));
        return abi.encodePacked(
            bytes8(text),
            "-",
            bytes4(text << 64),
            "-",
            bytes4(text << 96),
            "-",
            bytes4(text << 128),
            "-",
            bytes12(text << 160)
        );
    }

    /// @notice Return the 32 lower-case hex digits of 16 bytes, all digits at once.
    function hexText(uint128 value) internal pure returns (bytes32) {
        uint256 x = value;
        // Move each half apart, until every byte holds one digit.
        x = (x | (x << 64)) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        x = (x | (x << 32)) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        x = (x | (x << 16)) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        x = (x | (x << 8)) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        x = (x | (x << 4)) & _LOW_NIBBLES;
        unchecked {
            // A digit above 9 carries into bit 4 when 6 is added; 'a' is 39 above '9' + 1.
            uint256 letters = ((x + 6 * _ONES) >> 4) & _ONES;
            return bytes32(x + 0x30 * _ONES + letters * 0x27);
        }
    }

    /// @notice Return the text of a time as it is, when it has the form 2026-11-22T02:05:56Z; else NotATime.
    /// @dev The form alone: that the 31st of February is no date changes nothing in what an entry's bytes are.
    function checkedTime(bytes20 text) internal pure returns (bytes20) {
        uint256 x = uint160(text);
        // 2026-11-22T02:05:56Z, the digits as zeros.
        uint256 marks = uint160(bytes20(hex"000000002d00002d00005400003a00003a00005a"));
        uint256 digits = uint160(bytes20(hex"ffffffff00ffff00ffff00ffff00ffff00ffff00"));
        uint256 low = x & digits;
        bool good = x & ~digits == marks && low & (0xf0 * _ONES) == digits & (0x30 * _ONES);
        unchecked {
            // No digit above 9: none carries into bit 4 when 6 is added.
            good = good && ((low & _LOW_NIBBLES) + (digits & (6 * _ONES))) & (0x10 * _ONES) == 0;
        }
        if (!good) revert NotATime(text);
        return text;
    }

    /// @dev Write the first `length` bytes of a word; what is behind them is written over, or not hashed.
    function _put(uint256 to, bytes32 word, uint256 length) private pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(to, word)
        }
        unchecked {
            return to + length;
        }
    }

    function _putDigest(uint256 to, bytes32 value) private pure returns (uint256) {
        to = _put(to, hexText(uint128(uint256(value) >> 128)), 32);
        return _put(to, hexText(uint128(uint256(value))), 32);
    }

    function _putAddress(uint256 to, address value) private pure returns (uint256) {
        uint160 number = uint160(value);
        to = _put(to, hexText(uint128(number >> 32)), 32);
        return _put(to, hexText(uint128(number) << 96), 8);
    }

    function _putUuid(uint256 to, bytes16 value) private pure returns (uint256) {
        bytes32 text = hexText(uint128(value));
        to = _put(_put(to, text, 8), "-", 1);
        to = _put(_put(to, text << 64, 4), "-", 1);
        to = _put(_put(to, text << 96, 4), "-", 1);
        to = _put(_put(to, text << 128, 4), "-", 1);
        return _put(to, text << 160, 12);
    }

    /// @dev Numbers of an entry are below 2^53, so their digits fit in a word.
    function _putDecimal(uint256 to, uint256 value) private pure returns (uint256) {
        uint256 text;
        uint256 bits;
        unchecked {
            do {
                text |= (0x30 + value % 10) << bits;
                bits += 8;
                value /= 10;
            } while (value != 0);
            return _put(to, bytes32(text << (256 - bits)), bits >> 3);
        }
    }

    function _starts(bytes calldata entry, uint256 pos, bytes memory text) private pure returns (bool) {
        return entry.length >= pos + text.length && keccak256(entry[pos:pos + text.length]) == keccak256(text);
    }

    function _expect(bytes calldata entry, uint256 pos, bytes memory text) private pure returns (uint256) {
        if (!_starts(entry, pos, text)) revert NotAGrant(pos);
        return pos + text.length;
    }

    function _digest(bytes calldata entry, uint256 pos) private pure returns (bytes32, uint256) {
        if (entry.length < pos + 64) revert NotAGrant(pos);
        uint256 high = _unhex(bytes32(entry[pos:pos + 32]), pos);
        uint256 low = _unhex(bytes32(entry[pos + 32:pos + 64]), pos + 32);
        return (bytes32((high << 128) | low), pos + 64);
    }

    function _uuid(bytes calldata entry, uint256 pos) private pure returns (bytes16, uint256) {
        if (entry.length < pos + 36) revert NotAGrant(pos);
        bytes calldata text = entry[pos:pos + 36];
        bytes memory digits = abi.encodePacked(text[0:8], text[9:13], text[14:18], text[19:23], text[24:36]);
        bytes16 value = bytes16(uint128(_unhex(bytes32(digits), pos)));
        // What is between the digits is compared by writing the UUID again.
        if (keccak256(uuidText(value)) != keccak256(text)) revert NotAGrant(pos);
        return (value, pos + 36);
    }

    /// @dev The digits' value; lower case is made sure of by writing them again.
    function _unhex(bytes32 text, uint256 pos) private pure returns (uint256 x) {
        unchecked {
            x = (uint256(text) & _LOW_NIBBLES) + ((uint256(text) >> 6) & _ONES) * 9;
        }
        x &= _LOW_NIBBLES;
        x = (x | (x >> 4)) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        x = (x | (x >> 8)) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        x = (x | (x >> 16)) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        x = (x | (x >> 32)) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        x = (x | (x >> 64)) & type(uint128).max;
        if (hexText(uint128(x)) != text) revert NotAGrant(pos);
    }

    /// @dev Past a JSON integer from 0 of at most 16 digits.
    function _number(bytes calldata entry, uint256 pos) private pure returns (uint256 end) {
        end = pos;
        while (end < entry.length && end < pos + 16 && entry[end] >= "0" && entry[end] <= "9") {
            ++end;
        }
        if (end == pos || (entry[pos] == "0" && end != pos + 1)) revert NotAGrant(pos);
    }
}
