// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ExpiringPause} from "./ExpiringPause.sol";

/// @title Payouts to any number of accounts by one root
/// @notice A settlement is one transaction: the settler proposes the Merkle root over what each account has been given
/// in all, ever, and the contract takes the money for it in the same call. The root counts 24 hours later, by itself;
/// until then a guardian may veto it. Each account, or anyone for it, claims what it has been given and not yet paid.
///
/// Every root is paid for in full before it counts: its total is what was ever taken in, measured, to the unit, and it
/// never falls, also when a proposal is vetoed. So no sum of what was paid out is kept, which would cost each claim
/// 2,900 gas: balance + paid >= total follows. That a root's leaves sum to its total cannot be seen on chain; the list
/// is published with the proposal, and a list that is wrong, or a settler's key that is stolen, is what the delay, the
/// veto and {setSettler} are for. Tokens are apart: nothing of one is ever paid for another.
///
/// A leaf is keccak256(keccak256(abi.encode(chain id, this contract, token, account, cumulative))); an inner node is
/// keccak256 of its two children, the smaller first.
contract PayoutDistributor is ExpiringPause {
    using SafeERC20 for IERC20;

    /// @notice One account's claim.
    /// @param account who is paid
    /// @param cumulative all that the account was ever given, in the token's units
    /// @param proof siblings from the leaf up
    struct Claim {
        address account;
        uint256 cumulative;
        bytes32[] proof;
    }

    /// @notice Where a token's settlements stand.
    /// @param root what claims are proven against now; zero before the first root counts
    /// @param pendingRoot the root that waits; zero if none does
    /// @param activeFrom when `pendingRoot` counts, in seconds since the Unix epoch; zero if none waits
    /// @param funded what was ever taken in, which is the newest proposal's total
    struct Status {
        bytes32 root;
        bytes32 pendingRoot;
        uint64 activeFrom;
        uint128 funded;
    }

    /// @dev Two places for roots, of which proposals use one and then the other: so a root that waits comes to count
    /// without being written again. `state` is, from the lowest bit: the newest root's place (1), when it counts (40),
    /// what was ever taken in (128).
    struct Book {
        uint256 state;
        bytes32[2] roots;
        mapping(address account => uint256) paid;
    }

    /// @notice How long a root waits, in seconds.
    uint64 public constant DELAY = 24 hours;

    /// @notice Who may propose roots, a hot key; the zero address means nobody.
    /// @dev Stands in one word with the end of the pause: one read for both. As a role it would cost 2,100 gas more.
    address public settler;

    mapping(IERC20 token => Book) private _books;

    /// @notice A root was proposed and paid for. It counts {DELAY} after this block's time, unless it is vetoed.
    /// @dev Its total stands in the transaction and in {statusOf}; here it would cost 256 gas, and the index 119.
    event RootProposed(IERC20 token, bytes32 root);

    /// @notice A root that waited will never count.
    event RootVetoed(IERC20 indexed token, bytes32 root, address guardian);

    /// @notice An account was paid.
    event Claimed(IERC20 indexed token, address indexed account, uint256 amount);

    /// @notice An account could not be paid among many, because the token refuses; nothing changed for it.
    event ClaimRefused(IERC20 indexed token, address indexed account, uint256 amount);

    /// @notice Who may propose roots has changed; the zero address means nobody.
    event SettlerChanged(address indexed previous, address indexed next);

    error NotSettler(address caller);
    error RootZero();
    error RootWaits(bytes32 root, uint64 activeFrom);
    error NoRootWaits(IERC20 token);
    error TotalFalls(uint256 cumulativeTotal, uint256 funded);
    error TotalTooLarge(uint256 cumulativeTotal);
    error NotReceived(IERC20 token, uint256 amount);
    error WrongProof(address account, uint256 cumulative);
    error NothingToClaim(address account);

    /// @param admin the cold account that names roles and the settler
    /// @param guardian who may veto and pause; the zero address for nobody yet
    /// @param settler_ who may propose roots; the zero address for nobody yet
    constructor(address admin, address guardian, address settler_) ExpiringPause(admin, guardian) {
        settler = settler_;
        emit SettlerChanged(address(0), settler_);
    }

    /// @notice Propose the next root of a token, and pay for what it gives beyond all before, in one call.
    /// @dev The settler has allowed this contract to take `cumulativeTotal` less what was ever taken in. The order of
    /// the words, here and in {claim}, gives a low selector: functions are looked up in the order of theirs, at 22 gas
    /// each.
    /// @param cumulativeTotal the sum over all accounts, never less than before
    /// @param root over what each account was ever given
    function proposePayouts(IERC20 token, uint256 cumulativeTotal, bytes32 root) external {
        (address allowed, uint64 pauseEnd) = (settler, pausedUntil());
        if (block.timestamp < pauseEnd) revert PausedUntil(pauseEnd);
        if (msg.sender != allowed) revert NotSettler(msg.sender);
        if (root == 0) revert RootZero();
        Book storage book = _books[token];
        uint256 state = book.state;
        if (block.timestamp < uint40(state >> 1)) {
            {
                revert RootWaits(_rootAt(book, state & 1), uint40(state >> 1));
            }
        }
        uint256 funded = state >> 41;
        unchecked {
            uint256 more = cumulativeTotal - funded;
            // Both refusals by one comparison: a total that falls wraps around.
            if (more > type(uint128).max - funded) _refuse(cumulativeTotal, funded);
            uint256 place = (state & 1) ^ 1;
            // Times fit 40 bits for 34,000 years.
            book.state = (cumulativeTotal << 41) | ((block.timestamp + DELAY) << 1) | place;
            _setRoot(book, place, root);
            emit RootProposed(token, root);
            if (more != 0) _take(token, more);
        }
    }

    /// @notice Drop the root that waits. What was paid for it stays, for the next one.
    function veto(IERC20 token) external onlyRole(GUARDIAN_ROLE) {
        Book storage book = _books[token];
        uint256 state = book.state;
        if (block.timestamp >= uint40(state >> 1)) revert NoRootWaits(token);
        uint256 place = state & 1;
        // The other place holds the root that counts, and is the newest from now on.
        book.state = ((state >> 41) << 41) | (place ^ 1);
        emit RootVetoed(token, _rootAt(book, place), msg.sender);
        _setRoot(book, place, 0);
    }

    /// @notice Pay an account what it was given and not yet paid. Anyone may call it, also during a pause.
    /// @param cumulative all that the account was ever given, as in its leaf
    /// @param proof siblings from the leaf up
    function claim(address account, uint256 cumulative, bytes32[] calldata proof, IERC20 token) external {
        Book storage book = _books[token];
        _prove(token, _activeRoot(book), account, cumulative, proof);
        uint256 paid = book.paid[account];
        if (cumulative <= paid) revert NothingToClaim(account);
        book.paid[account] = cumulative;
        unchecked {
            uint256 amount = cumulative - paid;
            emit Claimed(token, account, amount);
            token.safeTransfer(account, amount);
        }
    }

    /// @notice Pay many accounts. Whoever was paid meanwhile is passed over, and so is, by {ClaimRefused}, whom the
    /// token does not let be paid: nobody is kept from their money by another. A wrong proof reverts all.
    function claimMany(IERC20 token, Claim[] calldata claims) external {
        Book storage book = _books[token];
        bytes32 root = _activeRoot(book);
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata one = claims[i];
            address account = one.account;
            uint256 cumulative = one.cumulative;
            _prove(token, root, account, cumulative, one.proof);
            uint256 paid = book.paid[account];
            if (cumulative <= paid) continue;
            book.paid[account] = cumulative;
            uint256 amount = cumulative - paid;
            if (token.trySafeTransfer(account, amount)) {
                emit Claimed(token, account, amount);
            } else {
                // Less the amount, not back to what it was: a token that calls back may have paid more meanwhile.
                book.paid[account] -= amount;
                emit ClaimRefused(token, account, amount);
            }
        }
    }

    /// @notice Name who may propose roots from now on.
    /// @param next the new settler, or the zero address for nobody
    function setSettler(address next) external onlyRole(DEFAULT_ADMIN_ROLE) {
        emit SettlerChanged(settler, next);
        settler = next;
    }

    /// @notice Return where a token's settlements stand.
    function statusOf(IERC20 token) external view returns (Status memory status) {
        Book storage book = _books[token];
        uint256 state = book.state;
        status.root = _activeRoot(book);
        if (block.timestamp < uint40(state >> 1)) {
            status.pendingRoot = _rootAt(book, state & 1);
            status.activeFrom = uint40(state >> 1);
        }
        status.funded = uint128(state >> 41);
    }

    /// @notice Return what an account was ever paid, in the token's units.
    function paidTo(IERC20 token, address account) external view returns (uint256) {
        return _books[token].paid[account];
    }

    /// @notice Return the leaf of an account.
    function leafOf(IERC20 token, address account, uint256 cumulative) public view returns (bytes32 leaf) {
        // keccak256(bytes.concat(keccak256(abi.encode(...)))), behind the free memory pointer without moving it.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, chainid())
            mstore(add(free, 0x20), address())
            mstore(add(free, 0x40), token)
            mstore(add(free, 0x60), account)
            mstore(add(free, 0x80), cumulative)
            mstore(0x00, keccak256(free, 0xa0))
            leaf := keccak256(0x00, 0x20)
        }
    }

    function _activeRoot(Book storage book) private view returns (bytes32) {
        uint256 state = book.state;
        return _rootAt(book, block.timestamp < uint40(state >> 1) ? (state & 1) ^ 1 : state & 1);
    }

    /// @dev Return the root in one of the two places. By slot: as an array it costs 60 gas more each time.
    function _rootAt(Book storage book, uint256 place) private view returns (bytes32 root) {
        bytes32[2] storage roots = book.roots;
        assembly ("memory-safe") {
            root := sload(add(roots.slot, place))
        }
    }

    /// @dev Write the root in one of the two places.
    function _setRoot(Book storage book, uint256 place, bytes32 root) private {
        bytes32[2] storage roots = book.roots;
        assembly ("memory-safe") {
            sstore(add(roots.slot, place), root)
        }
    }

    /// @dev Revert unless the proof leads from the account's leaf to the root. By hand, which saves 1,000 gas a claim
    /// of OpenZeppelin's MerkleProof; the tests hold it against that one.
    function _prove(IERC20 token, bytes32 root, address account, uint256 cumulative, bytes32[] calldata proof)
        private
        view
    {
        bytes32 hash = leafOf(token, account, cumulative);
        assembly ("memory-safe") {
            let end := add(proof.offset, shl(5, proof.length))
            for { let next := proof.offset } lt(next, end) { next := add(next, 0x20) } {
                let node := calldataload(next)
                // The smaller of the two first.
                let place := shl(5, gt(hash, node))
                mstore(place, hash)
                mstore(xor(place, 0x20), node)
                hash := keccak256(0x00, 0x40)
            }
        }
        if (hash != root) revert WrongProof(account, cumulative);
    }

    function _refuse(uint256 cumulativeTotal, uint256 funded) private pure {
        if (cumulativeTotal < funded) revert TotalFalls(cumulativeTotal, funded);
        revert TotalTooLarge(cumulativeTotal);
    }

    /// @dev Take tokens from the caller, measured, so that a token that takes a fee, or lies, pays for no root. What
    /// the token answers does not matter then. In assembly, which saves 600 gas of SafeERC20 between two balanceOf.
    function _take(IERC20 token, uint256 amount) private {
        uint256 before = _ownBalance(token);
        bytes4 selector = IERC20.transferFrom.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 0x04), caller())
            mstore(add(free, 0x24), address())
            mstore(add(free, 0x44), amount)
            if iszero(call(gas(), token, 0, free, 0x64, 0, 0)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
        unchecked {
            if (_ownBalance(token) - before != amount) revert NotReceived(token, amount);
        }
    }

    /// @dev Return what this contract has of a token; where no token answers, the largest number, as nobody has it.
    function _ownBalance(IERC20 token) private view returns (uint256 there) {
        bytes4 selector = IERC20.balanceOf.selector;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x04, address())
            there := not(0)
            if staticcall(gas(), token, 0x00, 0x24, 0x00, 0x20) {
                if gt(returndatasize(), 0x1f) { there := mload(0x00) }
            }
        }
    }
}
