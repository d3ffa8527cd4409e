// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

import {IRoyaltyReceivers} from "./interfaces/IRoyaltyReceivers.sol";
import {ISplitVault} from "./interfaces/ISplitVault.sol";

/// @title What stands at a split's royalty address once somebody has swept it
/// @notice It keeps what it is sent, and does what its factory says: nothing but move it into the vault.
/// @dev Not an EIP-1167 clone: its delegatecall costs more than the 2,300 gas that `transfer` gives a receiver, so a
/// marketplace that pays in coin by `transfer` could pay a royalty only until the first sweep.
contract RoyaltyReceiver {
    error NotFactory(address caller);

    // Who may move what is here. Without a getter: every byte of code costs 200 gas for each split.
    address private immutable _FACTORY = msg.sender;

    receive() external payable {}

    /// @notice Call somebody; only the factory may. In assembly, which halves what the first sweep costs.
    /// @dev Its data: whom to call and how much coin to send them, 32 bytes each, then what to call them with.
    fallback() external {
        if (msg.sender != _FACTORY) revert NotFactory(msg.sender);
        assembly {
            // Nothing of Solidity's follows, so its memory may be written over.
            let size := sub(calldatasize(), 0x40)
            calldatacopy(0x00, 0x40, size)
            if iszero(call(gas(), calldataload(0x00), calldataload(0x20), 0x00, size, 0x00, 0x00)) {
                returndatacopy(0x00, 0x00, returndatasize())
                revert(0x00, returndatasize())
            }
        }
    }
}

/// @notice The part of a wrapped coin that is used here.
interface IWrappedCoin {
    function deposit() external payable;
}

/// @title Royalty addresses of splits
/// @notice ERC-2981 names one receiver and nobody tells it what a payment is for, so each split has an address of its
/// own. It exists before anything stands there: royalties can be sent to it from the first day, and the first sweep
/// puts a {RoyaltyReceiver} there. Anyone may sweep, and all that is swept is in the split's pot.
///
/// Tokens that the vault does not take stay at the address until it does. Coin is wrapped on its way.
contract RoyaltyReceiverFactory is IRoyaltyReceivers {
    /// @notice Where royalties go.
    ISplitVault public immutable VAULT;

    /// @notice The ERC-20 that coin is swept as, such as WETH.
    IWrappedCoin public immutable WRAPPED;

    bytes32 private immutable _CODE_HASH = keccak256(type(RoyaltyReceiver).creationCode);

    /// @notice Something stands at a split's royalty address now.
    event ReceiverMade(bytes32 indexed split, address receiver);

    /// @notice Royalties of a split were moved into the vault; coin under the wrapped coin's name.
    event Swept(bytes32 indexed split, IERC20 indexed token, uint256 amount);

    error NotAContract(address what);
    error NothingToSweep(bytes32 split);

    /// @param vault where royalties go
    /// @param wrapped the ERC-20 that coin is swept as; without one, coin that is sent would be lost
    constructor(ISplitVault vault, IWrappedCoin wrapped) {
        if (address(vault).code.length == 0) revert NotAContract(address(vault));
        if (address(wrapped).code.length == 0) revert NotAContract(address(wrapped));
        VAULT = vault;
        WRAPPED = wrapped;
    }

    /// @notice Move all of a token that lies at a split's royalty address into the split's pot.
    function sweep(bytes32 split, IERC20 token) external {
        RoyaltyReceiver receiver = _receiver(split);
        _sweep(split, receiver, token);
    }

    /// @notice Wrap all coin that lies at a split's royalty address, and move it into the split's pot.
    function sweepCoin(bytes32 split) external {
        RoyaltyReceiver receiver = _receiver(split);
        uint256 amount = address(receiver).balance;
        if (amount == 0) revert NothingToSweep(split);
        _forward(receiver, address(WRAPPED), amount, abi.encodeCall(IWrappedCoin.deposit, ()));
        _sweep(split, receiver, IERC20(address(WRAPPED)));
    }

    /// @inheritdoc IRoyaltyReceivers
    function receiverOf(bytes32 split) public view returns (address) {
        return Create2.computeAddress(split, _CODE_HASH);
    }

    function _receiver(bytes32 split) private returns (RoyaltyReceiver receiver) {
        receiver = RoyaltyReceiver(payable(receiverOf(split)));
        if (address(receiver).code.length == 0) {
            new RoyaltyReceiver{salt: split}();
            emit ReceiverMade(split, address(receiver));
        }
    }

    function _sweep(bytes32 split, RoyaltyReceiver receiver, IERC20 token) private {
        uint256 amount = token.balanceOf(address(receiver));
        if (amount == 0) revert NothingToSweep(split);
        emit Swept(split, token, amount);
        // What the token answers does not matter: the vault measures whether the amount is there.
        _forward(receiver, address(token), 0, abi.encodeCall(IERC20.transfer, (address(VAULT), amount)));
        VAULT.absorb(split, token, amount, 0);
    }

    function _forward(RoyaltyReceiver receiver, address target, uint256 value, bytes memory data) private {
        (bool done, bytes memory answer) =
            address(receiver).call(abi.encodePacked(abi.encode(target, value), data));
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
