// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IPayees} from "./interfaces/IPayees.sol";

/// @title Which wallet a payee is paid to
/// @notice Splits name creators, not wallets: somebody can earn for years and bind a wallet when they want the money.
///
/// The first wallet is bound by the registrar, who knows the person, together with the wallet's own signature, and
/// counts after a day in which a guardian may stop it: that is the answer to a stolen registrar's key. From then on the
/// wallet decides. Another takes its place at once with the signatures of both; the platform alone can only propose
/// one for who lost their key, seven days ahead, and the wallet that is bound may refuse.
///
/// Anyone may relay what is signed. Nothing here can be paused: whoever is owed money is found by it.
contract Payees is IPayees, AccessControlDefaultAdminRules, EIP712 {
    /// @notice A payee's wallet, and the one that follows it by itself.
    /// @param wallet bound before {next}; the zero address for nobody
    /// @param nonce how many signed changes there were
    /// @param next waits to be bound; the zero address for nobody
    /// @param nextFrom when `next` is bound, in seconds since the Unix epoch
    struct Binding {
        address wallet;
        uint64 nonce;
        address next;
        uint64 nextFrom;
    }

    /// @notice Who may bind a first wallet, a hot role.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");

    /// @notice Who may stop a first binding within its delay, a hot role.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice How long a first binding waits, in seconds.
    uint64 public constant BIND_DELAY = 1 days;

    /// @notice How long a recovery waits, in seconds.
    uint64 public constant RECOVERY_DELAY = 7 days;

    /// @notice How long a change of the admin waits, in seconds.
    uint48 public constant ADMIN_DELAY = 2 days;

    /// @notice What a wallet signs to be a payee's first.
    bytes32 public constant BIND_TYPEHASH =
        keccak256("Bind(bytes16 payee,address wallet,uint256 nonce,uint256 deadline)");

    /// @notice What the wallet bound now and the next one both sign.
    bytes32 public constant MOVE_TYPEHASH =
        keccak256("Move(bytes16 payee,address from,address to,uint256 nonce,uint256 deadline)");

    /// @notice What a wallet signs to be the next by recovery.
    bytes32 public constant RECOVER_TYPEHASH =
        keccak256("Recover(bytes16 payee,address from,address to,uint256 nonce,uint256 deadline)");

    /// @notice What the wallet bound now signs to refuse a recovery.
    bytes32 public constant VETO_TYPEHASH =
        keccak256("Veto(bytes16 payee,address next,uint256 nonce,uint256 deadline)");

    /// @notice A wallet is bound from this time on, unless the change is stopped before.
    event WalletProposed(bytes16 indexed payee, address indexed previous, address indexed next, uint64 from);

    /// @notice A wallet took the place of another at once, signed by both.
    event WalletMoved(bytes16 indexed payee, address indexed previous, address indexed next);

    /// @notice A proposed wallet will not be bound.
    event WalletRefused(bytes16 indexed payee, address indexed refused);

    error NoWallet(bytes16 payee);
    error AlreadyBound(bytes16 payee, address wallet);
    error ChangeWaits(bytes16 payee, address next);
    error NothingWaits(bytes16 payee);
    error ZeroWallet();
    error SameWallet(address wallet);
    error NotTheWallet(address caller);
    error SignatureExpired(uint256 deadline);
    error WrongSignature(address signer);

    mapping(bytes16 payee => Binding) private _bindings;

    /// @param admin the cold account that names roles and may propose recoveries
    /// @param registrar who may bind first wallets; the zero address for nobody yet
    /// @param guardian who may stop first bindings; the zero address for nobody yet
    constructor(address admin, address registrar, address guardian)
        AccessControlDefaultAdminRules(ADMIN_DELAY, admin)
        EIP712("Worldloom Payees", "1")
    {
        if (registrar != address(0)) _grantRole(REGISTRAR_ROLE, registrar);
        if (guardian != address(0)) _grantRole(GUARDIAN_ROLE, guardian);
    }

    /// @notice Bind a payee's first wallet; it counts after {BIND_DELAY}.
    /// @param signature the wallet's, over {BIND_TYPEHASH}
    function bind(bytes16 payee, address wallet, uint256 deadline, bytes calldata signature)
        external
        onlyRole(REGISTRAR_ROLE)
    {
        Binding storage binding = _settled(payee);
        if (binding.wallet != address(0)) revert AlreadyBound(payee, binding.wallet);
        bytes32 body = keccak256(abi.encode(BIND_TYPEHASH, payee, wallet, binding.nonce, deadline));
        _propose(payee, binding, wallet, BIND_DELAY);
        _check(wallet, body, deadline, signature);
    }

    /// @notice Put another wallet in the place of the one that is bound; a recovery that waits is over.
    /// @param fromSignature of the wallet bound now, over {MOVE_TYPEHASH}
    /// @param toSignature of the next wallet, over the same
    function move(
        bytes16 payee,
        address to,
        uint256 deadline,
        bytes calldata fromSignature,
        bytes calldata toSignature
    ) external {
        Binding storage binding = _settled(payee);
        address from = binding.wallet;
        if (from == address(0)) revert NoWallet(payee);
        if (to == address(0)) revert ZeroWallet();
        if (to == from) revert SameWallet(to);
        bytes32 body = keccak256(abi.encode(MOVE_TYPEHASH, payee, from, to, binding.nonce, deadline));
        if (binding.nextFrom != 0) _refuse(payee, binding);
        ++binding.nonce;
        binding.wallet = to;
        emit WalletMoved(payee, from, to);
        _check(from, body, deadline, fromSignature);
        _check(to, body, deadline, toSignature);
    }

    /// @notice Propose another wallet for a payee who lost theirs; it counts after {RECOVERY_DELAY}.
    /// @param signature of the next wallet, over {RECOVER_TYPEHASH}
    function recover(bytes16 payee, address to, uint256 deadline, bytes calldata signature)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        Binding storage binding = _settled(payee);
        address from = binding.wallet;
        if (from == address(0)) revert NoWallet(payee);
        if (to == from) revert SameWallet(to);
        bytes32 body = keccak256(abi.encode(RECOVER_TYPEHASH, payee, from, to, binding.nonce, deadline));
        _propose(payee, binding, to, RECOVERY_DELAY);
        _check(to, body, deadline, signature);
    }

    /// @notice Refuse a recovery, as the wallet that is bound now.
    function veto(bytes16 payee) external {
        Binding storage binding = _waiting(payee);
        if (msg.sender != binding.wallet) revert NotTheWallet(msg.sender);
        _refuse(payee, binding);
    }

    /// @notice Refuse a recovery by the signature of the wallet that is bound now.
    /// @param signature over {VETO_TYPEHASH}
    function vetoWithSig(bytes16 payee, uint256 deadline, bytes calldata signature) external {
        Binding storage binding = _waiting(payee);
        address wallet = binding.wallet;
        if (wallet == address(0)) revert NoWallet(payee);
        bytes32 body = keccak256(abi.encode(VETO_TYPEHASH, payee, binding.next, binding.nonce, deadline));
        ++binding.nonce;
        _refuse(payee, binding);
        _check(wallet, body, deadline, signature);
    }

    /// @notice Stop a first binding within its delay.
    function stopBinding(bytes16 payee) external onlyRole(GUARDIAN_ROLE) {
        Binding storage binding = _waiting(payee);
        // Only a first one: where a wallet is bound, that wallet decides and nobody else.
        if (binding.wallet != address(0)) revert AlreadyBound(payee, binding.wallet);
        _refuse(payee, binding);
    }

    /// @inheritdoc IPayees
    function walletOf(bytes16 payee) external view returns (address) {
        Binding storage binding = _bindings[payee];
        return _due(binding) ? binding.next : binding.wallet;
    }

    /// @notice Return a payee's wallet, how many signed changes there were, and what waits.
    function bindingOf(bytes16 payee) external view returns (Binding memory binding) {
        binding = _bindings[payee];
        if (_due(_bindings[payee])) {
            (binding.wallet, binding.next, binding.nextFrom) = (binding.next, address(0), 0);
        }
    }

    /// @notice Return what wallets sign for: the EIP-712 domain's separator.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _due(Binding storage binding) private view returns (bool) {
        uint64 from = binding.nextFrom;
        return from != 0 && block.timestamp >= from;
    }

    /// @dev Write down what time alone has brought about.
    function _settled(bytes16 payee) private returns (Binding storage binding) {
        binding = _bindings[payee];
        if (_due(binding)) {
            binding.wallet = binding.next;
            delete binding.next;
            delete binding.nextFrom;
        }
    }

    function _waiting(bytes16 payee) private returns (Binding storage binding) {
        binding = _settled(payee);
        if (binding.nextFrom == 0) revert NothingWaits(payee);
    }

    function _propose(bytes16 payee, Binding storage binding, address next, uint64 delay) private {
        if (next == address(0)) revert ZeroWallet();
        if (binding.nextFrom != 0) revert ChangeWaits(payee, binding.next);
        uint64 from = uint64(block.timestamp) + delay;
        ++binding.nonce;
        binding.next = next;
        binding.nextFrom = from;
        emit WalletProposed(payee, binding.wallet, next, from);
    }

    function _refuse(bytes16 payee, Binding storage binding) private {
        emit WalletRefused(payee, binding.next);
        delete binding.next;
        delete binding.nextFrom;
    }

    /// @dev Asked last, when all is written: a wallet that is a contract is called, and may call back.
    function _check(address signer, bytes32 body, uint256 deadline, bytes calldata signature) private view {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, _hashTypedDataV4(body), signature)) {
            revert WrongSignature(signer);
        }
    }
}
