// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {ExpiringPause} from "./ExpiringPause.sol";
import {LogEntry} from "./LogEntry.sol";
import {ProvenanceAnchor} from "./ProvenanceAnchor.sol";
import {Signatures} from "./Signatures.sol";
import {ISplitVault} from "./interfaces/ISplitVault.sol";

/// @title Licenses sold on chain
/// @notice An offer is written and signed off chain, for nothing, by the licensor; the marketplace's offer key signs
/// the same bytes, and so says that the licensor may license this release and that it will honour each sale with a
/// grant and a certificate. A buyer brings both signatures and pays; what is paid goes to the vault, for the split
/// that the offer names, in the same transaction. This contract never holds a token.
///
/// What a sale leaves here is a receipt: this address holds a license of this release under these terms. It is not
/// transferable, and it says what was sold, not what became of it: a grant that was suspended, revoked or passed on
/// is so in the log. A license that was bought off chain is shown by its grant entry ({verifyGrant}).
///
/// Keys: the licensor's closes that licensor's offers. The offer key (hot) signs offers and closes them; stolen, it
/// sells nothing without a licensor's signature. The admin (cold) names the offer key, and naming another one ends
/// every offer that the one before signed. A pause stops sales, and neither closing nor any proof.
contract LicenseMarket is EIP712, ExpiringPause {
    using SafeERC20 for IERC20;

    /// @notice What a licensor offers.
    /// @param id the offer's UUID in the marketplace
    /// @param licensor who offers, and may close the offer
    /// @param release digest of the release's manifest
    /// @param terms SHA-256 of the terms document
    /// @param split digest of the split that earns the price less the fee
    /// @param token what is paid with; the vault decides which tokens it accepts
    /// @param price of one license, in the token's units; 0 is a license for nothing
    /// @param feeBps the marketplace's part of the price, in ten-thousandths, rounded down
    /// @param supply how many licenses may be sold under this licensor's nonce; 0 for any number
    /// @param notBefore first second of the offer, seconds since the Unix epoch
    /// @param deadline last second of the offer, likewise
    /// @param nonce the licensor's number for this offer. Offers with the same number are closed together and are
    /// sold from one supply: another price is another offer under another nonce, and the old nonce closed
    struct Offer {
        bytes16 id;
        address licensor;
        bytes32 release;
        bytes32 terms;
        bytes32 split;
        address token;
        uint256 price;
        uint16 feeBps;
        uint32 supply;
        uint64 notBefore;
        uint64 deadline;
        uint256 nonce;
    }

    /// @notice What is kept of a licensor's nonce.
    /// @param sold licenses of offers with a supply; others are counted by the events alone
    struct Nonce {
        uint32 sold;
        bool closed;
    }

    /// @notice What an address holds of one release under one terms document.
    /// @param licenses how many were bought for it
    /// @param firstSeq number of the first sale
    /// @param firstAt time of the first sale, seconds since the Unix epoch
    struct Receipt {
        uint32 licenses;
        uint32 firstSeq;
        uint64 firstAt;
    }

    /// @notice A license was sold.
    /// @param seq 1 for the first sale of this contract, then without a gap
    /// @param offer the offer's UUID
    /// @param licenseeCommitment what the grant entry will commit to: SHA-256 of licensee.json
    /// @param price what the buyer paid, fee included, in the token's units
    event LicenseSold(
        uint32 indexed seq,
        bytes16 indexed offer,
        address indexed licensee,
        address buyer,
        bytes32 release,
        bytes32 terms,
        bytes32 licenseeCommitment,
        address token,
        uint256 price,
        uint256 fee
    );

    /// @notice No further license is sold under this nonce.
    event OfferClosed(address indexed licensor, uint256 indexed nonce, address by);

    /// @notice Who signs for the marketplace has changed; the zero address means nobody.
    event OfferKeyChanged(address indexed previous, address indexed next);

    error OfferNotYet(uint64 notBefore);
    error OfferExpired(uint64 deadline);
    error OfferIsClosed(address licensor, uint256 nonce);
    error SoldOut(uint32 supply);
    error PriceAboveLimit(uint256 price, uint256 maxPrice);
    error FeeTooHigh(uint16 feeBps);
    error NoLicensee();
    error NotOfferKey(address caller);
    error GrantNotInTheLog(bytes32 leaf, bytes32 root);

    bytes32 private constant _OFFER = keccak256(
        "Offer(bytes16 id,address licensor,bytes32 release,bytes32 terms,bytes32 split,address token,uint256 price,uint16 feeBps,uint32 supply,uint64 notBefore,uint64 deadline,uint256 nonce)"
    );

    // In one word with the pause, so that a sale reads and writes it once. 2^32 sales take 136 years at one a second.
    uint32 private _sales;

    /// @notice Whose signature makes an offer one of the marketplace; the zero address means nobody's.
    address public offerKey;

    mapping(address licensor => mapping(uint256 nonce => Nonce)) private _nonces;
    mapping(bytes32 license => Receipt) private _receipts;

    /// @notice Where the money goes.
    ISplitVault public immutable VAULT;

    /// @notice The book whose roots prove grants.
    ProvenanceAnchor public immutable ANCHOR;

    /// @param admin who names guardians and the offer key; a cold key, handed on in two steps with a delay
    /// @param guardian who may pause sales
    /// @param offerKey_ the marketplace's hot key; the zero address for nobody yet
    constructor(
        address admin,
        address guardian,
        address offerKey_,
        ISplitVault vault,
        ProvenanceAnchor anchor
    ) EIP712("Worldloom LicenseMarket", "1") ExpiringPause(admin, guardian) {
        VAULT = vault;
        ANCHOR = anchor;
        offerKey = offerKey_;
        emit OfferKeyChanged(address(0), offerKey_);
    }

    /// @notice Buy one license. The caller pays, and must have allowed this contract to take the price.
    /// @dev All that is written here is written before a token is called, so that a token that calls back finds the
    /// sale done. Between sending to the vault and absorbing nobody else's code runs, unless the token is such a one;
    /// the vault's admin lists tokens.
    /// @param licensorSignature of the offer, EIP-712, by key or by ERC-1271
    /// @param marketSignature of the same digest by {offerKey}
    /// @param licensee the address that the license is for
    /// @param licenseeCommitment SHA-256 of the salted licensee document; zero when there is none
    /// @param maxPrice what the buyer has seen and is ready to pay, in the token's units
    /// @return seq the sale's number
    function buy(
        Offer calldata offer,
        bytes calldata licensorSignature,
        bytes calldata marketSignature,
        address licensee,
        bytes32 licenseeCommitment,
        uint256 maxPrice
    ) external whenNotPaused returns (uint32 seq) {
        _checkForm(offer, licensee, maxPrice);
        bytes32 digest = digestToSign(offer);
        Signatures.check(offer.licensor, digest, licensorSignature);
        Signatures.check(offerKey, digest, marketSignature);

        _count(offer);
        seq = ++_sales;
        _record(offer, licensee, seq);
        uint256 fee = (offer.price * offer.feeBps) / 10_000;
        emit LicenseSold(
            seq,
            offer.id,
            licensee,
            msg.sender,
            offer.release,
            offer.terms,
            licenseeCommitment,
            offer.token,
            offer.price,
            fee
        );
        if (offer.price == 0) return seq;
        IERC20(offer.token).safeTransferFrom(msg.sender, address(VAULT), offer.price);
        VAULT.absorb(offer.split, IERC20(offer.token), offer.price, fee);
    }

    /// @notice Close all offers of the caller with this nonce; also while paused, and before any was sold.
    function cancel(uint256 nonce) external {
        _close(msg.sender, nonce);
    }

    /// @notice Close a licensor's offers with this nonce for the marketplace, which then honours no further sale.
    function withdrawOffer(address licensor, uint256 nonce) external {
        if (msg.sender != offerKey) revert NotOfferKey(msg.sender);
        _close(licensor, nonce);
    }

    /// @notice Name whose signature counts for the marketplace from now on.
    /// @param next the new key, or the zero address for nobody
    function setOfferKey(address next) external onlyRole(DEFAULT_ADMIN_ROLE) {
        emit OfferKeyChanged(offerKey, next);
        offerKey = next;
    }

    /// @notice Say whether a license of the release under these terms was sold here to this address.
    function isLicensed(address licensee, bytes32 release, bytes32 terms) external view returns (bool) {
        return _receipts[_license(licensee, release, terms)].licenses != 0;
    }

    /// @notice Return what was sold here to this address of the release under these terms; all zero when nothing was.
    function receiptOf(address licensee, bytes32 release, bytes32 terms)
        external
        view
        returns (Receipt memory)
    {
        return _receipts[_license(licensee, release, terms)];
    }

    /// @notice Return what is known of a licensor's nonce.
    function nonceOf(address licensor, uint256 nonce) external view returns (Nonce memory) {
        return _nonces[licensor][nonce];
    }

    /// @notice Return how many sales there were.
    function sales() external view returns (uint32) {
        return _sales;
    }

    /// @notice Return what licensor and marketplace sign for an offer (EIP-712).
    function digestToSign(Offer calldata offer) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(_OFFER, offer)));
    }

    /// @notice Return what a grant entry of the log says, once it is shown to be in an anchored tree.
    /// @dev Reverts with LogEntry.NotAGrant or GrantNotInTheLog. Whether the grant still holds is in later entries.
    /// Whoever asks compares `release` and `terms`, and lets the holder open `licenseeCommitment`.
    /// @param entry the entry's exact bytes, {LogEntry}
    /// @param root an anchored tree head
    /// @param index the entry's position, from 0
    /// @param proof RFC 6962 audit path, from the leaf up
    function verifyGrant(bytes calldata entry, bytes32 root, uint64 index, bytes32[] calldata proof)
        external
        view
        returns (LogEntry.Grant memory)
    {
        bytes32 leaf = LogEntry.leafOf(entry);
        if (!ANCHOR.verifyInclusion(root, leaf, index, proof)) revert GrantNotInTheLog(leaf, root);
        return LogEntry.readGrant(entry);
    }

    function _checkForm(Offer calldata offer, address licensee, uint256 maxPrice) private view {
        if (block.timestamp < offer.notBefore) revert OfferNotYet(offer.notBefore);
        if (block.timestamp > offer.deadline) revert OfferExpired(offer.deadline);
        if (offer.price > maxPrice) revert PriceAboveLimit(offer.price, maxPrice);
        if (offer.feeBps > 10_000) revert FeeTooHigh(offer.feeBps);
        if (licensee == address(0)) revert NoLicensee();
    }

    function _count(Offer calldata offer) private {
        Nonce storage nonce = _nonces[offer.licensor][offer.nonce];
        Nonce memory known = nonce;
        if (known.closed) revert OfferIsClosed(offer.licensor, offer.nonce);
        // An offer without a limit writes nothing here: 2,900 gas less in each sale, 20,000 in the first.
        if (offer.supply == 0) return;
        if (known.sold >= offer.supply) revert SoldOut(offer.supply);
        nonce.sold = known.sold + 1;
    }

    function _record(Offer calldata offer, address licensee, uint32 seq) private {
        Receipt storage receipt = _receipts[_license(licensee, offer.release, offer.terms)];
        Receipt memory held = receipt;
        if (held.licenses == 0) (held.firstSeq, held.firstAt) = (seq, uint64(block.timestamp));
        ++held.licenses;
        (receipt.licenses, receipt.firstSeq, receipt.firstAt) = (held.licenses, held.firstSeq, held.firstAt);
    }

    function _close(address licensor, uint256 nonce) private {
        _nonces[licensor][nonce].closed = true;
        emit OfferClosed(licensor, nonce, msg.sender);
    }

    function _license(address licensee, bytes32 release, bytes32 terms) private pure returns (bytes32) {
        return keccak256(abi.encode(licensee, release, terms));
    }
}
