// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title What other contracts call of the vault that holds what splits have earned
/// @notice A split is named by the SHA-256 of its worldloom/split/1 document; nothing is written to create one.
interface ISplitVault {
    /// @notice Take over tokens that were just sent to the vault: `amount - fee` for the split, `fee` for the house.
    /// @dev Send and absorb in one transaction: what lies in the vault unabsorbed belongs to whoever absorbs it.
    /// Reverts unless the vault has `amount` of the token beyond all that it holds for others, so a token that takes
    /// a fee on transfer, or lies, is refused.
    /// @param split digest of the split's document
    /// @param token a token on the vault's list
    /// @param amount in the token's units, more than zero
    /// @param fee the part of `amount` that is the house's
    function absorb(bytes32 split, IERC20 token, uint256 amount, uint256 fee) external;

    /// @notice Say whether the vault takes this token.
    function accepts(IERC20 token) external view returns (bool);

    /// @notice Return what a split has earned and not yet divided, in the token's units.
    function potOf(bytes32 split, IERC20 token) external view returns (uint256);
}
