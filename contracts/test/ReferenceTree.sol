// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice RFC 6962, section 2.1, written down as the text says it: slow, recursive, and sharing no line with the
/// library under test.
library ReferenceTree {
    function leafHash(bytes memory entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    /// @notice MTH(D[from:to]) over leaf hashes.
    function root(bytes32[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to == from) return sha256("");
        if (to - from == 1) return leaves[from];
        uint256 k = split(to - from);
        return
            sha256(abi.encodePacked(bytes1(0x01), root(leaves, from, from + k), root(leaves, from + k, to)));
    }

    /// @notice PATH(m, D[from:to]) over leaf hashes; `m` counts from `from`.
    function path(bytes32[] memory leaves, uint256 m, uint256 from, uint256 to)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (to - from == 1) return new bytes32[](0);
        uint256 k = split(to - from);
        if (m < k) return append(path(leaves, m, from, from + k), root(leaves, from + k, to));
        return append(path(leaves, m - k, from + k, to), root(leaves, from, from + k));
    }

    /// @notice The largest power of two smaller than `n`.
    function split(uint256 n) private pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    function append(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = last;
    }
}
