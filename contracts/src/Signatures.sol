// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signatures of accounts, whether they are keys or contracts
library Signatures {
    /// @notice The signature over this digest is not one of `signer`.
    error NotSignedBy(address signer, bytes32 digest);

    /// @notice The signature's s is in the upper half: whoever saw the true one can make it without the key.
    error MalleableSignature(address signer);

    /// @notice Revert unless `signer` signed the digest: by its key, or, where it has code, by ERC-1271.
    /// @dev The key is tried first, which spares asking whether there is code (2,600 gas): an account whose key
    /// signed has said so itself, also when it lends its address to code (EIP-7702).
    function check(address signer, bytes32 digest, bytes calldata signature) internal view {
        (address recovered, ECDSA.RecoverError fault,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (fault == ECDSA.RecoverError.NoError && recovered == signer) return;
        if (signer.code.length == 0) {
            if (fault == ECDSA.RecoverError.InvalidSignatureS) revert MalleableSignature(signer);
            revert NotSignedBy(signer, digest);
        }
        if (!SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature)) {
            revert NotSignedBy(signer, digest);
        }
    }
}
