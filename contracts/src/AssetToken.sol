// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {ExpiringPause} from "./ExpiringPause.sol";
import {LogEntry} from "./LogEntry.sol";
import {ProvenanceAnchor} from "./ProvenanceAnchor.sol";
import {Rfc6962} from "./Rfc6962.sol";
import {Signatures} from "./Signatures.sol";
import {IRoyaltyReceivers} from "./interfaces/IRoyaltyReceivers.sol";

/// @title Tokens of releases, made when somebody needs one
/// @notice A release is an entry of the log for as long as that is enough. When its owner wants a token, the log
/// states an `asset-token` entry ({LogEntry}) and anchors a checkpoint over it; then anyone may bring the entry's
/// inclusion proof and the owner's signature here and pay the gas: who sends the transaction does not matter.
///
/// The token's id is the release's digest. So a release is materialized once in this contract, anybody can say a
/// release's token without asking, and it needs no index in storage (22,100 gas in each mint). Which entry of the
/// log made it stands in {Materialized}.
///
/// The owner's signature is over the leaf, and the leaf over everything else: the entry names this chain and this
/// contract, so neither it nor the signature counts anywhere else.
///
/// An entry does not expire. Where the log states a transfer of a release that has no token yet, the keeper (hot)
/// says here which entries came before it, and they make no token any more ({supersede}). That is all it can do: a
/// token that exists is beyond everybody but its holder. A pause stops new tokens only, never a transfer.
contract AssetToken is ERC721, EIP712, IERC2981, ExpiringPause {
    /// @notice What is kept of a token, in one word.
    /// @param receiver where royalties of the release's split are collected
    /// @param bps royalty in ten-thousandths
    /// @param anchoredAt when the checkpoint was anchored that showed the entry, seconds since the Unix epoch
    struct Royalty {
        address receiver;
        uint16 bps;
        uint64 anchoredAt;
    }

    /// @notice A release became a token; its id is `release`, and ERC-721's own event says its owner.
    /// @param leaf SHA-256(0x00 || entry) of the log's asset-token entry
    /// @param split digest of the split whose receiver gets royalties
    /// @param root the anchored tree head that showed the entry
    event Materialized(bytes32 indexed release, bytes32 indexed leaf, bytes32 split, bytes32 root);

    /// @notice Entries about a release that stand before this position in the log make no token any more.
    event EntriesSuperseded(bytes32 indexed release, uint64 before);

    error RoyaltyTooHigh(uint16 bps, uint16 highest);
    error NotAnchored(bytes32 root);
    error NotInTheLog(bytes32 leaf, bytes32 root);
    error Superseded(bytes32 release, uint64 before);
    error NotLater(uint64 before, uint64 known);
    error AlreadyMaterialized(bytes32 release);

    /// @notice Who says which entries the log has overtaken, a hot role.
    bytes32 public constant KEEPER_ROLE = keccak256("KEEPER_ROLE");

    /// @notice Highest royalty, in ten-thousandths.
    uint16 public constant HIGHEST_BPS = 1000;

    bytes32 private constant _MATERIALIZE = keccak256("Materialize(bytes32 leaf)");

    /// @notice The book whose roots count here.
    ProvenanceAnchor public immutable ANCHOR;

    /// @notice Who knows the address that collects a split's royalties.
    IRoyaltyReceivers public immutable RECEIVERS;

    // A Royalty as one word: anchoredAt, bps, receiver from the highest bits down. As a struct the compiler reads and
    // writes the slot once for each field. Of a release without a token, which has no anchoredAt: the position before
    // which entries are superseded. So that it is known costs a mint nothing: the slot is written to anyway.
    mapping(uint256 tokenId => uint256) private _royalties;
    string private _pages;

    /// @param admin who names guardians; a cold key, handed on in two steps with a delay
    /// @param guardian who may pause new tokens
    /// @param keeper who may supersede entries; the zero address for nobody yet
    /// @param pages what a token's URI begins with; its id follows as 64 hex digits. It never changes
    constructor(
        address admin,
        address guardian,
        address keeper,
        ProvenanceAnchor anchor,
        IRoyaltyReceivers receivers,
        string memory pages
    ) ERC721("Worldloom Release", "LOOM") EIP712("Worldloom AssetToken", "1") ExpiringPause(admin, guardian) {
        ANCHOR = anchor;
        RECEIVERS = receivers;
        _pages = pages;
        if (keeper != address(0)) _grantRole(KEEPER_ROLE, keeper);
    }

    /// @notice Make the token of a release for the owner whom the log names.
    /// @param it what the entry says
    /// @param root an anchored tree head
    /// @param index the entry's position in the log, from 0
    /// @param proof RFC 6962 audit path, from the leaf up
    /// @param signature of `it.owner` (EIP-712, Materialize(bytes32 leaf)): by key, or by ERC-1271
    /// @return tokenId the release's digest as a number
    function materialize(
        LogEntry.AssetToken calldata it,
        bytes32 root,
        uint64 index,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external whenNotPaused returns (uint256 tokenId) {
        if (it.bps > HIGHEST_BPS) revert RoyaltyTooHigh(it.bps, HIGHEST_BPS);
        bytes32 leaf = LogEntry.assetTokenLeaf(it, address(this));
        ProvenanceAnchor.Anchor memory anchored = ANCHOR.anchorOf(root);
        if (anchored.size == 0) revert NotAnchored(root);
        if (!Rfc6962.verify(root, anchored.size, leaf, index, proof)) revert NotInTheLog(leaf, root);
        Signatures.check(it.owner, digestToSign(leaf), signature);

        tokenId = uint256(it.release);
        uint256 known = _royalties[tokenId];
        if (known >> 192 == 0 && index < known) revert Superseded(it.release, uint64(known));
        _royalties[tokenId] = (uint256(anchored.anchoredAt) << 192) | (uint256(it.bps) << 160)
            | uint160(RECEIVERS.receiverOf(it.split));
        // Reverts where there is one already. Not _safeMint: the owner has signed for a token, whatever its code.
        _mint(it.owner, tokenId);
        emit Materialized(it.release, leaf, it.split, root);
    }

    /// @notice Say that the log has passed on a release which has no token: entries before this position are overtaken.
    /// @param before the position of the entry that overtook them; only ever a later one
    function supersede(bytes32 release, uint64 before) external onlyRole(KEEPER_ROLE) {
        uint256 known = _royalties[uint256(release)];
        if (known >> 192 != 0) revert AlreadyMaterialized(release);
        if (before <= known) revert NotLater(before, uint64(known));
        _royalties[uint256(release)] = before;
        emit EntriesSuperseded(release, before);
    }

    /// @notice Return the position before which entries about a release make no token; 0 for none, or with a token.
    function supersededBefore(bytes32 release) external view returns (uint64) {
        uint256 word = _royalties[uint256(release)];
        return word >> 192 == 0 ? uint64(word) : 0;
    }

    /// @notice Return the leaf of an asset-token entry, to be looked for in the log and to be signed.
    function leafOf(LogEntry.AssetToken calldata it) external view returns (bytes32) {
        return LogEntry.assetTokenLeaf(it, address(this));
    }

    /// @notice Return what the owner signs for a leaf (EIP-712).
    function digestToSign(bytes32 leaf) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(_MATERIALIZE, leaf)));
    }

    /// @inheritdoc IERC2981
    /// @dev Rounded down. Royalties are asked for, here as everywhere: no contract can enforce them on a sale.
    function royaltyInfo(uint256 tokenId, uint256 salePrice) external view returns (address, uint256) {
        _requireOwned(tokenId);
        Royalty memory royalty = royaltyOf(tokenId);
        return (
            royalty.receiver,
            (salePrice / 10_000) * royalty.bps + ((salePrice % 10_000) * royalty.bps) / 10_000
        );
    }

    /// @notice Return what is kept of a token; all zero when there is none.
    function royaltyOf(uint256 tokenId) public view returns (Royalty memory) {
        uint256 word = _royalties[tokenId];
        if (word >> 192 == 0) return Royalty(address(0), 0, 0);
        return Royalty(address(uint160(word)), uint16(word >> 160), uint64(word >> 192));
    }

    /// @notice Return the page of the token's release.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        return string(abi.encodePacked(_pages, LogEntry.digestText(bytes32(tokenId))));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(ERC721, AccessControlDefaultAdminRules, IERC165)
        returns (bool)
    {
        return interfaceId == type(IERC2981).interfaceId || ERC721.supportsInterface(interfaceId)
            || AccessControlDefaultAdminRules.supportsInterface(interfaceId);
    }
}
