// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Which wallet a payee is paid to
interface IPayees {
    /// @notice Return the wallet that is bound to a payee; the zero address if none is.
    /// @param payee the creator's UUID, as in worldloom/split/1
    function walletOf(bytes16 payee) external view returns (address);
}
