// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Where royalties of a split are sent
interface IRoyaltyReceivers {
    /// @notice Return the address that receives royalties for a split: the same before and after anything stands there.
    /// @param split digest of the split's worldloom/split/1 document
    function receiverOf(bytes32 split) external view returns (address);
}
