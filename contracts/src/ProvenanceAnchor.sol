// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {Rfc6962} from "./Rfc6962.sol";

/// @title Tree heads of one append-only log, fixed in time
/// @notice One transaction anchors one checkpoint, and with it every entry that the log held by then. What is
/// anchored stays: no function changes or removes an anchor, and no proxy stands in front of the rules.
///
/// The anchorer is a hot key that can only add larger checkpoints. The owner is a cold key that can only name
/// another anchorer, or nobody, which stops anchoring until somebody is named again.
contract ProvenanceAnchor is Ownable2Step {
    /// @notice One anchored checkpoint.
    /// @param anchoredAt the block's time, in seconds since the Unix epoch
    /// @param blockNumber the block, so that the event is found without searching the chain
    /// @param size leaves in the tree
    /// @param seq 1 for the first anchor of this contract, then without a gap
    struct Anchor {
        uint64 anchoredAt;
        uint64 blockNumber;
        uint64 size;
        uint64 seq;
    }

    /// @dev Named so that a slot is found once and then read and written.
    struct Word {
        uint256 value;
    }

    /// @notice A checkpoint was anchored.
    /// @param noteDigest SHA-256 of the signed checkpoint's bytes
    /// @param head the history's new head, see {head}: its last 10 bytes are the anchor's seq and size
    event CheckpointAnchored(bytes32 indexed root, bytes32 noteDigest, bytes32 head);

    /// @notice Who may anchor has changed; the zero address means nobody.
    event AnchorerChanged(address indexed previous, address indexed next);

    error NotAnchorer(address caller);
    error AlreadyAnchored(bytes32 root, uint64 seq);
    error NotGrowing(uint64 size, uint64 anchoredSize);
    error SizeTooLarge(uint64 size);

    /// @notice Who may anchor; the zero address means nobody.
    address public anchorer;

    // An Anchor as one word, its first field highest. As a struct the compiler reads and writes the slot once for
    // each field, which costs 2,000 gas in each anchor.
    mapping(bytes32 root => Word) private _anchors;

    // The head is kept under the anchorer's address, and under no other: reading it is the permission check and the
    // state at once. A role beside it would be a second cold slot, 2,100 gas in each anchor.
    mapping(address anchorer => Word) private _heads;

    /// @param owner_ who may name the anchorer
    /// @param anchorer_ who may anchor; the zero address for nobody yet
    constructor(address owner_, address anchorer_) Ownable(owner_) {
        // The first head tells this history from that of any other contract or chain, and is never zero.
        bytes32 first = keccak256(abi.encode("worldloom/provenance-anchor/1", block.chainid, address(this)));
        _heads[anchorer_].value = _head(first, 0, 0);
        anchorer = anchorer_;
        emit AnchorerChanged(address(0), anchorer_);
    }

    /// @notice Anchor the checkpoint of a larger tree than any before.
    /// @dev Whether the larger tree extends the smaller one is shown by the log's consistency proofs, not here: two
    /// anchored roots that do not fit together are evidence against the log that nobody can remove.
    /// @param root RFC 6962 tree head
    /// @param size leaves in the tree, below 2^48
    /// @param noteDigest SHA-256 of the signed checkpoint's bytes
    function anchor(bytes32 root, uint64 size, bytes32 noteDigest) external {
        Word storage headSlot = _heads[msg.sender];
        uint256 previous = headSlot.value;
        if (previous == 0) revert NotAnchorer(msg.sender);
        Word storage slot = _anchors[root];
        uint256 known = slot.value;
        if (known != 0) revert AlreadyAnchored(root, uint64(known));
        uint64 lastSize = uint48(previous);
        if (size <= lastSize) revert NotGrowing(size, lastSize);
        if (size > type(uint48).max) revert SizeTooLarge(size);

        uint256 seq = uint32(previous >> 48);
        unchecked {
            // 2^32 anchors take 136 years at one a second.
            ++seq;
        }
        uint256 next = _head(keccak256(abi.encode(previous, root, noteDigest)), seq, size);
        slot.value = (block.timestamp << 192) | (block.number << 128) | (uint256(size) << 64) | seq;
        headSlot.value = next;
        emit CheckpointAnchored(root, noteDigest, bytes32(next));
    }

    /// @notice Name who may anchor from now on; the history goes on where it stands.
    /// @param next the new anchorer, or the zero address for nobody
    function setAnchorer(address next) external onlyOwner {
        address previous = anchorer;
        uint256 current = _heads[previous].value;
        delete _heads[previous];
        _heads[next].value = current;
        anchorer = next;
        emit AnchorerChanged(previous, next);
    }

    /// @notice Return what is known of a root; all zero when it was never anchored.
    function anchorOf(bytes32 root) external view returns (Anchor memory) {
        uint256 word = _anchors[root].value;
        return Anchor(uint64(word >> 192), uint64(word >> 128), uint64(word >> 64), uint64(word));
    }

    /// @notice Return the head of the history: one value that stands for every anchor so far, in order.
    /// @return 22 bytes of keccak256(head before || root || noteDigest), then seq in 4 bytes and size in 6 bytes
    /// of the newest anchor. Before the first anchor: 22 bytes of
    /// keccak256(abi.encode("worldloom/provenance-anchor/1", chain id, this contract)), then zeros.
    function head() external view returns (bytes32) {
        return bytes32(_heads[anchorer].value);
    }

    /// @notice Say whether a leaf is in an anchored tree. False, never a revert, for a root that is not anchored.
    /// @param root an anchored tree head
    /// @param leafHash SHA-256(0x00 || entry)
    /// @param index the leaf's position, from 0
    /// @param proof RFC 6962 audit path, from the leaf up
    function verifyInclusion(bytes32 root, bytes32 leafHash, uint64 index, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return Rfc6962.verify(root, uint64(_anchors[root].value >> 64), leafHash, index, proof);
    }

    function _head(bytes32 hash, uint256 seq, uint256 size) private pure returns (uint256) {
        return ((uint256(hash) >> 80) << 80) | (seq << 48) | size;
    }
}
