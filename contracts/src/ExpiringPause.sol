// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

/// @title A pause that ends by itself
/// @notice A guardian stops what brings new obligations in, for seven days at most, and not again before a gap has
/// passed. So a guardian whose key is stolen, or who is forced, can delay but never close a contract.
///
/// What lets people out (withdraw, claim, cancel) never looks at the pause: it carries no {whenNotPaused}.
///
/// Roles: the admin is one cold account, changed in two steps with a delay, that names the hot ones. The guardian can
/// pause and do what the contract gives it to stop; it holds no other power and cannot name another guardian.
abstract contract ExpiringPause is AccessControlDefaultAdminRules {
    /// @notice Who may pause, a hot role that only stops things.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice How long one pause lasts, in seconds.
    uint64 public constant PAUSE_LENGTH = 7 days;

    /// @notice How long after a pause no other one begins, in seconds.
    uint64 public constant PAUSE_GAP = 3 days;

    /// @notice How long a change of the admin waits, in seconds.
    uint48 public constant ADMIN_DELAY = 2 days;

    /// @notice New obligations are refused until this time, in seconds since the Unix epoch.
    event Paused(address indexed guardian, uint64 until);

    /// @notice The pause ended before its time.
    event Unpaused(address indexed guardian);

    error PausedUntil(uint64 until);
    error PauseNotYet(uint64 from);
    error NotPaused();

    // The last word of this contract, so that a contract with one hot key keeps the key beside it: one read for both.
    uint64 private _pausedUntil;

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    /// @param admin the cold account that names roles
    /// @param guardian who may pause; the zero address for nobody yet
    constructor(address admin, address guardian) AccessControlDefaultAdminRules(ADMIN_DELAY, admin) {
        if (guardian != address(0)) _grantRole(GUARDIAN_ROLE, guardian);
    }

    /// @notice Refuse new obligations for {PAUSE_LENGTH}, unless the last pause ended less than {PAUSE_GAP} ago.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        uint64 last = _pausedUntil;
        if (last != 0 && block.timestamp < last + PAUSE_GAP) revert PauseNotYet(last + PAUSE_GAP);
        uint64 until = uint64(block.timestamp) + PAUSE_LENGTH;
        _pausedUntil = until;
        emit Paused(msg.sender, until);
    }

    /// @notice End the pause now; the gap begins now too.
    function unpause() external onlyRole(GUARDIAN_ROLE) {
        if (!paused()) revert NotPaused();
        _pausedUntil = uint64(block.timestamp);
        emit Unpaused(msg.sender);
    }

    /// @notice Say whether new obligations are refused now.
    function paused() public view returns (bool) {
        return block.timestamp < _pausedUntil;
    }

    /// @notice Return when the pause ends or ended, in seconds since the Unix epoch; 0 if there never was one.
    function pausedUntil() public view returns (uint64) {
        return _pausedUntil;
    }

    function _requireNotPaused() internal view {
        uint64 until = _pausedUntil;
        if (block.timestamp < until) revert PausedUntil(until);
    }
}
