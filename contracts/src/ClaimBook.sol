// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ExpiringPause} from "./ExpiringPause.sol";

/// @title Flags on releases, each with a bond
/// @notice Whoever claims that a release is not its creator's to license says so here, under the claim's UUID and the
/// digest of its evidence, and puts down a bond. A flag is a statement and nothing else: no contract of this suite
/// looks at it before it pays, sells or transfers, and this one holds nothing but the bonds of open claims and what
/// is owed of decided ones.
///
/// The course of a claim:
///
///     open ──────────────────────────── withdraw (by the claimant, before an answer: the bond back)
///       │ admit (the arbiter names the other side)
///       │ answer (the other side puts down the same bond)
///       ├── resolve: Upheld (both bonds to the claimant) · Dismissed (both to the other side) · Returned (each its own)
///       └── after 90 days without a decision: expire, by anybody (each its own)
///
/// Keys: the arbiter (hot) decides where the bonds of open claims go, and never more than those. The admin (cold)
/// names arbiters and sets bonds for later claims. A pause stops opening, admitting, answering and deciding, so that
/// a stolen arbiter's key is stopped too; withdraw, expire and collect never look at it.
contract ClaimBook is ExpiringPause {
    using SafeERC20 for IERC20;

    enum State {
        None,
        Open,
        Withdrawn,
        Upheld,
        Dismissed,
        Returned,
        Expired
    }

    /// @notice One claim.
    /// @param openedAt seconds since the Unix epoch
    /// @param respondent the other side, once the arbiter has named it
    /// @param answered whether the respondent has put down its bond
    /// @param bond what each side puts down, in the token's units
    struct Claim {
        address claimant;
        uint64 openedAt;
        State state;
        address respondent;
        bool answered;
        IERC20 token;
        bytes32 release;
        uint256 bond;
    }

    /// @notice Who admits the other side and decides, a hot role.
    bytes32 public constant ARBITER_ROLE = keccak256("ARBITER_ROLE");

    /// @notice How long a claim may stay undecided before anybody can end it, in seconds.
    uint64 public constant PATIENCE = 90 days;

    event ClaimOpened(
        bytes16 indexed claim,
        bytes32 indexed release,
        address indexed claimant,
        bytes32 evidence,
        IERC20 token,
        uint256 bond
    );
    event RespondentAdmitted(bytes16 indexed claim, address indexed respondent);
    event ClaimAnswered(bytes16 indexed claim, address indexed respondent, bytes32 evidence);

    /// @notice The claim is over. `evidence` is the digest of the decision, or zero where nobody decided.
    event ClaimEnded(bytes16 indexed claim, State indexed state, bytes32 evidence);

    event Collected(address indexed account, IERC20 indexed token, uint256 amount);

    /// @notice Claims opened from now on need this bond; 0 means that the token is not taken.
    event BondSet(IERC20 indexed token, uint256 bond);

    error TokenNotTaken(IERC20 token);
    error BondChanged(uint256 bond, uint256 expected);
    error BondNotReceived(uint256 balance, uint256 needed);
    error ClaimExists(bytes16 claim);
    error NotOpen(bytes16 claim, State state);
    error NotClaimant(address caller);
    error NotRespondent(address caller);
    error AlreadyAdmitted(address respondent);
    error AlreadyAnswered(bytes16 claim);
    error NoRespondent(bytes16 claim);
    error NotADecision(State state);
    error TooEarly(uint64 from);
    error NothingOwed(address account, IERC20 token);
    error NoAddress();

    mapping(IERC20 token => uint256) private _bonds;
    mapping(bytes16 claim => Claim) private _claims;
    mapping(bytes32 release => uint256) private _open;
    mapping(IERC20 token => mapping(address account => uint256)) private _owed;
    mapping(IERC20 token => uint256) private _held;

    /// @param admin who names arbiters and guardians and sets bonds; handed on in two steps with a delay
    /// @param guardian who may pause
    /// @param arbiter who decides; the zero address for nobody yet
    constructor(address admin, address guardian, address arbiter) ExpiringPause(admin, guardian) {
        if (arbiter != address(0)) _grantRole(ARBITER_ROLE, arbiter);
    }

    /// @notice Flag a release and put down the bond.
    /// @param claim the claim's UUID in the marketplace, unused so far
    /// @param evidence SHA-256 of the claim evidence
    /// @param expectedBond what the caller has seen as the token's bond
    function open(bytes16 claim, bytes32 release, bytes32 evidence, IERC20 token, uint256 expectedBond)
        external
        whenNotPaused
    {
        uint256 bond = _bonds[token];
        if (bond == 0) revert TokenNotTaken(token);
        if (bond != expectedBond) revert BondChanged(bond, expectedBond);
        Claim storage it = _claims[claim];
        if (it.state != State.None) revert ClaimExists(claim);
        it.claimant = msg.sender;
        it.openedAt = uint64(block.timestamp);
        it.state = State.Open;
        it.token = token;
        it.release = release;
        it.bond = bond;
        ++_open[release];
        emit ClaimOpened(claim, release, msg.sender, evidence, token, bond);
        _take(token, bond);
    }

    /// @notice Name the other side of a claim, once. It need not answer.
    function admit(bytes16 claim, address respondent) external whenNotPaused onlyRole(ARBITER_ROLE) {
        Claim storage it = _opened(claim);
        if (it.respondent != address(0)) revert AlreadyAdmitted(it.respondent);
        if (respondent == address(0)) revert NoAddress();
        it.respondent = respondent;
        emit RespondentAdmitted(claim, respondent);
    }

    /// @notice Answer a claim with the same bond.
    /// @param evidence SHA-256 of the evidence against the claim
    function answer(bytes16 claim, bytes32 evidence) external whenNotPaused {
        Claim storage it = _opened(claim);
        if (msg.sender != it.respondent) revert NotRespondent(msg.sender);
        if (it.answered) revert AlreadyAnswered(claim);
        it.answered = true;
        emit ClaimAnswered(claim, msg.sender, evidence);
        _take(it.token, it.bond);
    }

    /// @notice Decide a claim.
    /// @param state Upheld, Dismissed (which needs a respondent, who gets the bond) or Returned
    /// @param decision SHA-256 of the decision's text
    function resolve(bytes16 claim, State state, bytes32 decision)
        external
        whenNotPaused
        onlyRole(ARBITER_ROLE)
    {
        Claim storage it = _opened(claim);
        if (state == State.Upheld) {
            _end(claim, it, state, decision, it.claimant, it.claimant);
        } else if (state == State.Dismissed) {
            if (it.respondent == address(0)) revert NoRespondent(claim);
            _end(claim, it, state, decision, it.respondent, it.respondent);
        } else if (state == State.Returned) {
            _end(claim, it, state, decision, it.claimant, it.respondent);
        } else {
            revert NotADecision(state);
        }
    }

    /// @notice Take a claim back before it was answered; the bond is owed to the claimant again.
    function withdraw(bytes16 claim) external {
        Claim storage it = _opened(claim);
        if (msg.sender != it.claimant) revert NotClaimant(msg.sender);
        if (it.answered) revert AlreadyAnswered(claim);
        _end(claim, it, State.Withdrawn, 0, it.claimant, address(0));
    }

    /// @notice End a claim that nobody has decided for {PATIENCE}; each side is owed its own bond again.
    function expire(bytes16 claim) external {
        Claim storage it = _opened(claim);
        uint64 from = it.openedAt + PATIENCE;
        if (block.timestamp < from) revert TooEarly(from);
        _end(claim, it, State.Expired, 0, it.claimant, it.respondent);
    }

    /// @notice Pay an account what it is owed; anyone may call. It can never be paid to another.
    function collect(IERC20 token, address account) external {
        uint256 amount = _owed[token][account];
        if (amount == 0) revert NothingOwed(account, token);
        _owed[token][account] = 0;
        _held[token] -= amount;
        emit Collected(account, token, amount);
        token.safeTransfer(account, amount);
    }

    /// @notice Set what each side of a later claim puts down in this token; 0 takes it off the list.
    function setBond(IERC20 token, uint256 bond) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _bonds[token] = bond;
        emit BondSet(token, bond);
    }

    /// @notice Return the bond for a token, in its units; 0 when it is not taken.
    function bondOf(IERC20 token) external view returns (uint256) {
        return _bonds[token];
    }

    /// @notice Return a claim; its state is None when there is no such claim.
    function claimOf(bytes16 claim) external view returns (Claim memory) {
        return _claims[claim];
    }

    /// @notice Return how many claims on a release are open: a hint for readers, and no ground to withhold anything.
    function openClaims(bytes32 release) external view returns (uint256) {
        return _open[release];
    }

    /// @notice Return what an account can collect, in the token's units.
    function owedTo(IERC20 token, address account) external view returns (uint256) {
        return _owed[token][account];
    }

    /// @notice Return what is held for open claims and for accounts, in the token's units.
    function heldOf(IERC20 token) external view returns (uint256) {
        return _held[token];
    }

    function _opened(bytes16 claim) private view returns (Claim storage it) {
        it = _claims[claim];
        if (it.state != State.Open) revert NotOpen(claim, it.state);
    }

    /// @dev Owe the claimant's bond to `first`, and the respondent's, where there is one, to `second`.
    function _end(
        bytes16 claim,
        Claim storage it,
        State state,
        bytes32 evidence,
        address first,
        address second
    ) private {
        it.state = state;
        --_open[it.release];
        _owed[it.token][first] += it.bond;
        if (it.answered) _owed[it.token][second] += it.bond;
        emit ClaimEnded(claim, state, evidence);
    }

    /// @dev Take exactly `amount` from the caller. Measured against what is held and not against the balance before:
    /// a token that calls back into another claim cannot let one transfer count twice.
    function _take(IERC20 token, uint256 amount) private {
        uint256 held = _held[token] + amount;
        _held[token] = held;
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 balance = token.balanceOf(address(this));
        if (balance < held) revert BondNotReceived(balance, held);
    }
}
