// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ExpiringPause} from "./ExpiringPause.sol";
import {SplitDocument} from "./SplitDocument.sol";
import {IPayees} from "./interfaces/IPayees.sol";
import {ISplitVault} from "./interfaces/ISplitVault.sol";

/// @title What splits have earned, held until each payee takes it
/// @notice A split is named by the SHA-256 of its worldloom/split/1 document, the same 32 bytes as in the marketplace's
/// database and in the log. Nothing is written to create one. Money reaches a split's pot by that name alone; whoever
/// knows the document divides the pot among its payees; each payee's wallet takes what is theirs.
///
/// The rule of division is the books' (marketplace/payouts/rules.py, `allocate`): every part is the exact share rounded
/// down, and the units that are left go one each to the largest remainders, ties to the payee who sorts first.
///
/// ERC-20 only, and only tokens on the list, which the admin keeps: a token is trusted to move what it is told to, and
/// each movement is measured all the same. Leaving the list, like a pause, stops what comes in; dividing and
/// withdrawing go on. Nobody, the admin included, can move what is a payee's or a split's.
contract SplitVault is ISplitVault, ExpiringPause, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev One word, so that taking money in reads and writes it once.
    struct TokenState {
        // All that is owed: pots, payees' balances and the house's part. The vault has at least this much.
        uint120 held;
        uint120 house;
        bool accepted;
    }

    /// @dev An amount plus one, so that what was emptied once is not a zero, which costs 17,100 gas to fill again: the
    /// next buyer of a work would pay for it.
    struct Kept {
        uint256 plusOne;
    }

    /// @notice What the wallet of a payee signs to be paid to another address.
    bytes32 public constant WITHDRAW_TYPEHASH = keccak256(
        "Withdraw(bytes16 payee,address token,address to,uint256 amount,uint256 nonce,uint256 deadline)"
    );

    /// @notice Which wallet a payee is paid to.
    IPayees public immutable PAYEES;

    /// @notice Where the house's part goes; only the admin changes it.
    address public treasury;

    mapping(IERC20 token => TokenState) private _tokens;
    mapping(bytes32 split => mapping(IERC20 token => Kept)) private _pots;
    mapping(bytes16 payee => mapping(IERC20 token => Kept)) private _balances;
    mapping(bytes16 payee => uint256) private _nonces;

    /// @notice Money reached a split: `amount - fee` for its pot, `fee` for the house.
    event Absorbed(bytes32 indexed split, IERC20 indexed token, uint256 amount, uint256 fee);

    /// @notice A pot was divided by its split; each part follows from the amount and the document.
    event Distributed(bytes32 indexed split, IERC20 indexed token, uint256 amount);

    /// @notice A payee took money out.
    event Withdrawn(bytes16 indexed payee, IERC20 indexed token, address indexed to, uint256 amount);

    /// @notice The house's part went to the treasury.
    event HouseWithdrawn(IERC20 indexed token, address indexed to, uint256 amount);

    /// @notice A token came on the list or left it.
    event TokenListed(IERC20 indexed token, bool accepted);

    /// @notice The house's part goes elsewhere from now on.
    event TreasuryChanged(address indexed previous, address indexed next);

    /// @notice A payee's wallet made a signature worthless that was not used.
    event NonceSkipped(bytes16 indexed payee, uint256 nonce);

    error TokenNotAccepted(IERC20 token);
    error NotAContract(IERC20 token);
    error AmountZero();
    error AmountTooLarge(uint256 amount);
    error FeeAboveAmount(uint256 fee, uint256 amount);
    error NotReceived(IERC20 token, uint256 amount);
    error NotSent(IERC20 token, uint256 amount);
    error PotEmpty(bytes32 split, IERC20 token);
    error NoWallet(bytes16 payee);
    error NoTreasury();
    error NothingToWithdraw();
    error BalanceTooSmall(uint256 balance, uint256 amount);
    error WrongRecipient(address to);
    error WrongNonce(uint256 nonce, uint256 expected);
    error SignatureExpired(uint256 deadline);
    error WrongSignature(address signer);
    error NotTheWallet(address caller);

    /// @param admin the cold account: names roles, keeps the list of tokens, names the treasury
    /// @param guardian who may pause; the zero address for nobody yet
    /// @param payees where wallets are bound
    /// @param treasury_ where the house's part goes; the zero address for nowhere yet
    constructor(address admin, address guardian, IPayees payees, address treasury_)
        ExpiringPause(admin, guardian)
        EIP712("Worldloom SplitVault", "1")
    {
        PAYEES = payees;
        treasury = treasury_;
        emit TreasuryChanged(address(0), treasury_);
    }

    /// @inheritdoc ISplitVault
    function absorb(bytes32 split, IERC20 token, uint256 amount, uint256 fee)
        external
        nonReentrant
        whenNotPaused
    {
        _credit(split, token, amount, fee, token.balanceOf(address(this)));
    }

    /// @notice Pay a split from the caller's tokens, of which the vault was allowed to take `amount`.
    function pay(bytes32 split, IERC20 token, uint256 amount) external nonReentrant whenNotPaused {
        if (!_tokens[token].accepted) revert TokenNotAccepted(token);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 there = token.balanceOf(address(this));
        // The difference too: what lay here unabsorbed must not make up for a fee that the token took.
        if (there < before || there - before != amount) revert NotReceived(token, amount);
        _credit(split, token, amount, 0, there);
    }

    /// @notice Divide a split's pot among its payees. Anyone may call it, also during a pause.
    /// @param payees the document's, strictly ascending
    /// @param sharesPpb the document's, in the same order
    function distribute(bytes16[] calldata payees, uint32[] calldata sharesPpb, IERC20 token)
        external
        nonReentrant
    {
        bytes32 split = SplitDocument.digest(payees, sharesPpb);
        Kept storage pot = _pots[split][token];
        uint256 amount = _amount(pot);
        if (amount == 0) revert PotEmpty(split, token);
        _keep(pot, 0);
        uint256[] memory parts = SplitDocument.allocate(amount, sharesPpb);
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] == 0) continue;
            Kept storage balance = _balances[payees[i]][token];
            _keep(balance, _amount(balance) + parts[i]);
        }
        emit Distributed(split, token, amount);
    }

    /// @notice Send all of a payee's balance to the wallet that is bound to them. Anyone may call it.
    function withdraw(bytes16 payee, IERC20 token) external nonReentrant {
        uint256 amount = _amount(_balances[payee][token]);
        if (amount == 0) revert NothingToWithdraw();
        _withdraw(payee, token, _walletOf(payee), amount);
    }

    /// @notice Send from a payee's balance where the payee's wallet says. Anyone may relay it.
    /// @param nonce the payee's next, see {nonceOf}
    /// @param deadline the last second in which the signature counts
    /// @param signature of the bound wallet, over {WITHDRAW_TYPEHASH}; an ERC-1271 wallet's may be of any form
    function withdrawWithSig(
        bytes16 payee,
        IERC20 token,
        address to,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (nonce != _nonces[payee]) revert WrongNonce(nonce, _nonces[payee]);
        _nonces[payee] = nonce + 1;
        if (amount == 0) revert NothingToWithdraw();
        address wallet = _walletOf(payee);
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(WITHDRAW_TYPEHASH, payee, token, to, amount, nonce, deadline))
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(wallet, digest, signature)) {
            revert WrongSignature(wallet);
        }
        _withdraw(payee, token, to, amount);
    }

    /// @notice Make the signature with the payee's next nonce worthless, as their wallet.
    function skipNonce(bytes16 payee) external {
        if (msg.sender != _walletOf(payee)) revert NotTheWallet(msg.sender);
        uint256 nonce = _nonces[payee]++;
        emit NonceSkipped(payee, nonce);
    }

    /// @notice Send the house's part to the treasury. Anyone may call it.
    function withdrawHouse(IERC20 token) external nonReentrant {
        address to = treasury;
        if (to == address(0)) revert NoTreasury();
        TokenState storage state = _tokens[token];
        uint120 amount = state.house;
        if (amount == 0) revert NothingToWithdraw();
        state.house = 0;
        state.held -= amount;
        emit HouseWithdrawn(token, to, amount);
        _send(token, to, amount);
    }

    /// @notice Put a token on the list, or take it off. What is held stays its owners' either way.
    function listToken(IERC20 token, bool accepted) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (address(token).code.length == 0) revert NotAContract(token);
        _tokens[token].accepted = accepted;
        emit TokenListed(token, accepted);
    }

    /// @notice Name where the house's part goes.
    function setTreasury(address next) external onlyRole(DEFAULT_ADMIN_ROLE) {
        emit TreasuryChanged(treasury, next);
        treasury = next;
    }

    /// @inheritdoc ISplitVault
    function accepts(IERC20 token) external view returns (bool) {
        return _tokens[token].accepted;
    }

    /// @inheritdoc ISplitVault
    function potOf(bytes32 split, IERC20 token) external view returns (uint256) {
        return _amount(_pots[split][token]);
    }

    /// @notice Return what a payee may withdraw, in the token's units.
    function balanceOf(bytes16 payee, IERC20 token) external view returns (uint256) {
        return _amount(_balances[payee][token]);
    }

    /// @notice Return all that is owed in a token: pots, balances and the house's part.
    function heldOf(IERC20 token) external view returns (uint256) {
        return _tokens[token].held;
    }

    /// @notice Return the house's part.
    function houseOf(IERC20 token) external view returns (uint256) {
        return _tokens[token].house;
    }

    /// @notice Return the nonce that a payee's next signature carries.
    function nonceOf(bytes16 payee) external view returns (uint256) {
        return _nonces[payee];
    }

    /// @notice Return a split's name from its document's shares, or revert with what is wrong with them.
    function splitOf(bytes16[] calldata payees, uint32[] calldata sharesPpb) external view returns (bytes32) {
        return SplitDocument.digest(payees, sharesPpb);
    }

    /// @notice Return how an amount is divided by shares that sum to the whole.
    function partsOf(uint120 amount, uint32[] calldata sharesPpb) external pure returns (uint256[] memory) {
        uint256 sum = 0;
        for (uint256 i = 0; i < sharesPpb.length; ++i) {
            sum += sharesPpb[i];
        }
        if (sharesPpb.length > SplitDocument.MAX_PAYEES) {
            revert SplitDocument.TooManyPayees(sharesPpb.length);
        }
        if (sum != SplitDocument.WHOLE_PPB) revert SplitDocument.SharesDoNotSum(sum);
        return SplitDocument.allocate(amount, sharesPpb);
    }

    /// @notice Return what wallets sign for: the EIP-712 domain's separator.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _credit(bytes32 split, IERC20 token, uint256 amount, uint256 fee, uint256 there) private {
        TokenState memory state = _tokens[token];
        if (!state.accepted) revert TokenNotAccepted(token);
        if (amount == 0) revert AmountZero();
        if (amount > type(uint120).max - state.held) revert AmountTooLarge(amount);
        if (fee > amount) revert FeeAboveAmount(fee, amount);
        uint256 held = state.held + amount;
        if (there < held) revert NotReceived(token, amount);
        // house <= held, which fits.
        state.held = uint120(held);
        state.house += uint120(fee);
        _tokens[token] = state;
        if (fee != amount) {
            Kept storage pot = _pots[split][token];
            _keep(pot, _amount(pot) + amount - fee);
        }
        emit Absorbed(split, token, amount, fee);
    }

    function _withdraw(bytes16 payee, IERC20 token, address to, uint256 amount) private {
        // The vault's own address would leave it here unabsorbed, for anyone.
        if (to == address(0) || to == address(this)) revert WrongRecipient(to);
        Kept storage kept = _balances[payee][token];
        uint256 balance = _amount(kept);
        if (amount > balance) revert BalanceTooSmall(balance, amount);
        _keep(kept, balance - amount);
        // A balance is part of what is held, so it fits.
        _tokens[token].held -= uint120(amount);
        emit Withdrawn(payee, token, to, amount);
        _send(token, to, amount);
    }

    /// @dev Exactly the amount must leave: no more, or others would pay for it, and no less, or the payee would.
    function _send(IERC20 token, address to, uint256 amount) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransfer(to, amount);
        unchecked {
            if (before - token.balanceOf(address(this)) != amount) revert NotSent(token, amount);
        }
    }

    function _amount(Kept storage kept) private view returns (uint256) {
        uint256 plusOne = kept.plusOne;
        unchecked {
            return plusOne == 0 ? 0 : plusOne - 1;
        }
    }

    function _keep(Kept storage kept, uint256 amount) private {
        unchecked {
            // Amounts are part of what is held, below 2^120.
            kept.plusOne = amount + 1;
        }
    }

    function _walletOf(bytes16 payee) private view returns (address wallet) {
        wallet = PAYEES.walletOf(payee);
        if (wallet == address(0)) revert NoWallet(payee);
    }
}
