// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The bytes and the arithmetic of worldloom/split/1
/// @notice A split's name is the SHA-256 of its RFC 8785 document; here the document is written again from its shares,
/// so that the 32 bytes on chain, in the database and in the log are the same. The division is the one of the books.
library SplitDocument {
    /// @notice The whole of a split, in parts per billion.
    uint256 internal constant WHOLE_PPB = 1_000_000_000;

    /// @notice The most payees of one split.
    uint256 internal constant MAX_PAYEES = 256;

    error NoShares();
    error TooManyPayees(uint256 count);
    error SharesDoNotMatch(uint256 payees, uint256 shares);
    error NotAscending(uint256 index);
    error ShareZero(uint256 index);
    error SharesDoNotSum(uint256 sum);

    /// @notice Return the split's digest, or revert with what keeps the shares from being a split.
    /// @param payees creators' UUIDs, strictly ascending
    /// @param sharesPpb parts per billion of each, from 1, together {WHOLE_PPB}
    function digest(bytes16[] calldata payees, uint32[] calldata sharesPpb)
        internal
        view
        returns (bytes32 hash)
    {
        uint256 count = payees.length;
        if (count == 0) revert NoShares();
        if (count > MAX_PAYEES) revert TooManyPayees(count);
        if (count != sharesPpb.length) revert SharesDoNotMatch(count, sharesPpb.length);

        // Written behind the free memory pointer without moving it: nothing else allocates until it is hashed.
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
        }
        uint256 end = _put(start, '{"format":"worldloom/split/1"', 29);
        end = _put(end, ',"shares":[', 11);
        uint256 sum = 0;
        bytes16 previous = 0;
        unchecked {
            // 256 shares of at most 2^32, and memory of at most 26,000 bytes.
            for (uint256 i = 0; i < count; ++i) {
                bytes16 payee = payees[i];
                uint256 share = sharesPpb[i];
                if (i != 0) {
                    if (payee <= previous) revert NotAscending(i);
                    end = _put(end, ",", 1);
                }
                if (share == 0) revert ShareZero(i);
                previous = payee;
                sum += share;
                end = _put(end, '{"payee":"', 10);
                end = _putUuid(end, payee);
                end = _put(end, '","share_ppb":', 14);
                end = _putDecimal(end, share);
                end = _put(end, "}", 1);
            }
        }
        if (sum != WHOLE_PPB) revert SharesDoNotSum(sum);
        end = _put(end, "]}", 2);

        bool done;
        assembly ("memory-safe") {
            done := staticcall(gas(), 0x02, start, sub(end, start), 0x00, 0x20)
            hash := mload(0x00)
        }
        // The precompile fails only for want of gas; what is left would then hold no digest.
        require(done);
    }

    /// @notice Divide an amount by shares that sum to the whole: every part is rounded down, and the units that are
    /// left go one each to the largest remainders, ties to the payee who stands first. Parts sum to the amount.
    /// @param amount in units, below 2^226
    /// @param sharesPpb 1 to 256 parts per billion, together {WHOLE_PPB}
    function allocate(uint256 amount, uint32[] calldata sharesPpb)
        internal
        pure
        returns (uint256[] memory parts)
    {
        uint256 count = sharesPpb.length;
        parts = new uint256[](count);
        // Remainder, then 255 - position: no two are equal, and of two equal remainders the first is the larger.
        uint256[] memory keys = new uint256[](count);
        uint256 left = amount;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                uint256 scaled = amount * sharesPpb[i];
                uint256 part = scaled / WHOLE_PPB;
                parts[i] = part;
                left -= part;
                _insert(keys, i, ((scaled - part * WHOLE_PPB) << 8) | (255 - i));
            }
            // The remainders sum to `left` wholes and each is less than one, so left < count.
            for (uint256 i = 0; i < left; ++i) {
                ++parts[255 - (keys[i] & 0xff)];
            }
        }
    }

    /// @dev Put a key in its place among the first `count`, which stand in order, largest first. In assembly without
    /// bounds checks: 256 payees in the worst order would come close to what one transaction may cost with them.
    function _insert(uint256[] memory keys, uint256 count, uint256 key) private pure {
        assembly ("memory-safe") {
            let first := add(keys, 0x20)
            let place := add(first, shl(5, count))
            for {} gt(place, first) {} {
                let above := sub(place, 0x20)
                let other := mload(above)
                if gt(other, key) { break }
                mstore(place, other)
                place := above
            }
            mstore(place, key)
        }
    }

    /// @dev Write the first `length` bytes of `text` from `here` on, and zeros up to 32; return where they end.
    function _put(uint256 here, bytes32 text, uint256 length) private pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(here, text)
        }
        unchecked {
            return here + length;
        }
    }

    /// @dev Write a UUID as 36 lower-case characters.
    function _putUuid(uint256 here, bytes16 uuid) private pure returns (uint256) {
        uint256 x = uint128(uuid);
        unchecked {
            // Spread 32 nibbles over 32 bytes, halving the distance five times.
            x = (x | (x << 64)) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
            x = (x | (x << 32)) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
            x = (x | (x << 16)) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
            x = (x | (x << 8)) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
            x = (x | (x << 4)) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
            // 10 to 15 carry into bit 4 when 6 is added: those bytes become letters, 39 further on than digits.
            uint256 letters = ((x + 0x0606060606060606060606060606060606060606060606060606060606060606) >> 4)
                & 0x0101010101010101010101010101010101010101010101010101010101010101;
            x += 0x3030303030303030303030303030303030303030303030303030303030303030 + letters * 39;
        }
        assembly ("memory-safe") {
            // 8-4-4-4-12: each write leaves more behind than it owns, and the next one covers it.
            mstore(here, x)
            mstore8(add(here, 8), 0x2d)
            mstore(add(here, 9), shl(64, x))
            mstore8(add(here, 13), 0x2d)
            mstore(add(here, 14), shl(96, x))
            mstore8(add(here, 18), 0x2d)
            mstore(add(here, 19), shl(128, x))
            mstore8(add(here, 23), 0x2d)
            mstore(add(here, 24), shl(160, x))
        }
        unchecked {
            return here + 36;
        }
    }

    /// @dev Write a number in decimal, without leading zeros.
    function _putDecimal(uint256 here, uint256 value) private pure returns (uint256) {
        uint256 word = 0;
        uint256 length = 0;
        unchecked {
            for (; value != 0; value /= 10) {
                word = (word >> 8) | ((48 + (value % 10)) << 248);
                ++length;
            }
        }
        return _put(here, bytes32(word), length);
    }
}
