// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The hash chain of docs/formats/anchor.md, joined from bytes rather than shifted into place.
library ReferenceHead {
    function first(uint256 chainId, address book) internal pure returns (bytes32) {
        bytes32 hash = keccak256(abi.encode("worldloom/provenance-anchor/1", chainId, book));
        return join(hash, 0, 0);
    }

    function after_(bytes32 before, bytes32 root, uint64 size, bytes32 note) internal pure returns (bytes32) {
        // The 4 bytes of seq stand behind the 22 bytes of hash.
        uint32 seq = uint32(bytes4(before << 176));
        return join(keccak256(bytes.concat(before, root, note)), seq + 1, size);
    }

    function join(bytes32 hash, uint32 seq, uint64 size) private pure returns (bytes32) {
        return bytes32(bytes.concat(bytes22(hash), bytes4(seq), bytes6(uint48(size))));
    }
}
