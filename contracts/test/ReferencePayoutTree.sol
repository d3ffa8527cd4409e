// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The tree of a payout written plainly: pairs hashed smaller first, the last of an odd level rises as it is.
library ReferencePayoutTree {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        while (leaves.length > 1) {
            leaves = above(leaves);
        }
        return leaves[0];
    }

    function proof(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory found) {
        bytes32[] memory nodes = new bytes32[](64);
        uint256 count = 0;
        while (leaves.length > 1) {
            if (index ^ 1 < leaves.length) nodes[count++] = leaves[index ^ 1];
            leaves = above(leaves);
            index >>= 1;
        }
        found = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            found[i] = nodes[i];
        }
    }

    function above(bytes32[] memory below) private pure returns (bytes32[] memory level) {
        level = new bytes32[]((below.length + 1) / 2);
        for (uint256 i = 0; i < level.length; ++i) {
            level[i] = 2 * i + 1 < below.length ? pair(below[2 * i], below[2 * i + 1]) : below[2 * i];
        }
    }

    function pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }
}
