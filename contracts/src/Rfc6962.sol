// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Inclusion proofs of RFC 6962 Merkle trees
/// @notice SHA-256 trees as Certificate Transparency and C2SP tlog-tiles build them: a leaf is hashed behind a
/// 0x00 byte, an inner node behind a 0x01 byte, so that neither can pass for the other.
library Rfc6962 {
    /// @notice Say whether `proof` leads from a leaf to the root, by RFC 9162, section 2.1.3.2.
    /// @param root tree head of `size` leaves
    /// @param size number of leaves; nothing is included in an empty tree
    /// @param leafHash SHA-256(0x00 || entry)
    /// @param index the leaf's position, from 0
    /// @param proof siblings from the leaf up, exactly as many as the tree asks for at this position
    function verify(bytes32 root, uint64 size, bytes32 leafHash, uint64 index, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        uint256 node = index;
        uint256 last = uint256(size) - 1;
        bytes32 hash = leafHash;
        for (uint256 i = 0; i < proof.length; ++i) {
            if (last == 0) return false;
            if (node & 1 == 1 || node == last) {
                hash = hashPair(proof[i], hash);
                // The last node of an odd level has no sibling: it rises until it is a right child.
                while (node & 1 == 0) {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = hashPair(hash, proof[i]);
            }
            node >>= 1;
            last >>= 1;
        }
        return last == 0 && hash == root;
    }

    /// @notice Return SHA-256(0x01 || left || right), by the precompile at address 2.
    function hashPair(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        bool done;
        // Behind the free memory pointer without moving it: a proof of any depth reuses the same 65 bytes.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 0x01)
            mstore(add(free, 0x01), left)
            mstore(add(free, 0x21), right)
            done := staticcall(gas(), 0x02, free, 0x41, free, 0x20)
            hash := mload(free)
        }
        // The precompile fails only for want of gas; what is left would then hold no digest.
        require(done);
    }
}
