// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoyaltyReceivers} from "../src/interfaces/IRoyaltyReceivers.sol";

/// @notice Stands in for the factory: an address of its own for each split.
contract Receivers is IRoyaltyReceivers {
    function receiverOf(bytes32 split) external view returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(this, split)))));
    }
}
