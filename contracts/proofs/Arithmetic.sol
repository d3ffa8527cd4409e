// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {PayoutDistributor} from "../src/PayoutDistributor.sol";
import {SplitDocument} from "../src/SplitDocument.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {Test} from "../test/Vm.sol";

/// @notice A token that has whatever it is told, moves whatever it is asked to, and keeps what that was.
contract Purse {
    uint256 public there;
    uint256 public last;

    function set(uint256 amount) external {
        there = amount;
    }

    function balanceOf(address) external view returns (uint256) {
        return there;
    }

    function transfer(address, uint256 amount) external returns (bool) {
        (there, last) = (there - amount, amount);
        return true;
    }

    function transferFrom(address, address, uint256 amount) external returns (bool) {
        (there, last) = (there + amount, amount);
        return true;
    }
}

/// @notice Gives the library memory's shares as calldata.
contract Divider {
    function parts(uint256 amount, uint32[] calldata shares) external pure returns (uint256[] memory) {
        return SplitDocument.allocate(amount, shares);
    }
}

/// @notice Held for every value of the arguments at once, by halmos (contracts/tools/prove): each `check_` is a theorem
/// about the contracts' own code, within the sizes that it names. What is assumed stands in `vm.assume`.
contract ArithmeticProofs is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant SETTLER = address(0xA1);
    address internal constant ALICE = address(0xA11CE);
    // Said each time and never reckoned from block.timestamp, which the compiler takes for the same all along.
    uint256 internal constant START = 1_795_312_800;
    uint256 internal constant WHOLE = 1_000_000_000;
    bytes32 internal constant SPLIT = bytes32(uint256(1));

    SplitVault internal vault;
    PayoutDistributor internal payouts;
    Purse internal purse;
    Divider internal divider;

    function setUp() public {
        vm.warp(START);
        vault = new SplitVault(ADMIN, address(0), IPayees(address(0)), address(0xA3));
        payouts = new PayoutDistributor(ADMIN, address(0), SETTLER);
        purse = new Purse();
        divider = new Divider();
        vm.prank(ADMIN);
        vault.listToken(IERC20(address(purse)), true);
    }

    // The vault: what is taken in is pot and house to the unit, twice over, or nothing is.

    function check_whatIsAbsorbedIsPotAndHouseToTheUnit(uint256 there, uint256 amount, uint256 fee) public {
        IERC20 token = IERC20(address(purse));
        purse.set(there);
        try vault.absorb(SPLIT, token, amount, fee) {
            assert(amount != 0 && fee <= amount && amount <= there && amount <= type(uint120).max);
            assert(vault.heldOf(token) == amount);
            assert(vault.houseOf(token) == fee);
            assert(vault.potOf(SPLIT, token) == amount - fee);
        } catch {
            assert(amount == 0 || fee > amount || amount > there || amount > type(uint120).max);
            assert(vault.heldOf(token) == 0 && vault.potOf(SPLIT, token) == 0);
        }
    }

    function check_nothingIsAbsorbedTwice(uint256 there, uint256 first, uint256 second, uint256 fee) public {
        IERC20 token = IERC20(address(purse));
        purse.set(there);
        try vault.absorb(SPLIT, token, first, 0) {}
        catch {
            return;
        }
        try vault.absorb(SPLIT, token, second, fee) {
            assert(second <= there - first);
        } catch {
            second = fee = 0;
        }
        assert(vault.heldOf(token) == first + second && first + second <= there);
        assert(vault.potOf(SPLIT, token) + vault.houseOf(token) == vault.heldOf(token));
        assert(vault.houseOf(token) == fee);
    }

    /// The house takes its part out: exactly that leaves, and the pot is as it was.
    function check_theHouseTakesItsPartOnly(uint120 amount, uint120 fee) public {
        IERC20 token = IERC20(address(purse));
        vm.assume(fee <= amount && fee != 0);
        purse.set(amount);
        vault.absorb(SPLIT, token, amount, fee);
        vault.withdrawHouse(token);
        assert(purse.last() == fee);
        assert(purse.there() == vault.heldOf(token));
        assert(vault.potOf(SPLIT, token) == uint256(amount) - fee);
    }

    // Splits: parts sum to the amount, and each is its share rounded down, or one unit more.

    function divided(uint256 amount, uint32[] memory shares) internal view {
        uint256[] memory parts = divider.parts(amount, shares);
        uint256 sum = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            uint256 down = amount * shares[i] / WHOLE;
            assert(parts[i] == down || parts[i] == down + 1);
            sum += parts[i];
        }
        assert(sum == amount);
    }

    function check_halves(uint64 amount) public view {
        uint32[] memory shares = new uint32[](2);
        (shares[0], shares[1]) = (500_000_000, 500_000_000);
        divided(amount, shares);
    }

    function check_twoPayees(uint16 amount, uint32 share) public view {
        vm.assume(share != 0 && share < WHOLE);
        uint32[] memory shares = new uint32[](2);
        (shares[0], shares[1]) = (share, uint32(WHOLE - share));
        divided(amount, shares);
    }

    function check_thirds(uint32 amount) public view {
        uint32[] memory shares = new uint32[](3);
        (shares[0], shares[1], shares[2]) = (333_333_333, 333_333_334, 333_333_333);
        divided(amount, shares);
    }

    // Payouts: three numbers in one word, and a claim pays the difference.

    function check_aProposalTakesWhatIsNewAndKeepsTheTotal(uint256 first, uint256 second) public {
        IERC20 token = IERC20(address(purse));
        vm.prank(SETTLER);
        try payouts.proposePayouts(token, first, bytes32(uint256(1))) {
            assert(first <= type(uint128).max && purse.there() == first);
        } catch {
            assert(first > type(uint128).max);
            return;
        }
        vm.warp(START + 24 hours);
        vm.prank(SETTLER);
        try payouts.proposePayouts(token, second, bytes32(uint256(2))) {
            assert(second >= first && second <= type(uint128).max);
            assert(purse.there() == second);
            assert(payouts.statusOf(token).funded == second);
            assert(payouts.statusOf(token).root == bytes32(uint256(1)));
            assert(payouts.statusOf(token).pendingRoot == bytes32(uint256(2)));
            assert(payouts.statusOf(token).activeFrom == START + 48 hours);
        } catch {
            assert(second < first || second > type(uint128).max);
            assert(payouts.statusOf(token).funded == first);
        }
    }

    function check_aClaimPaysTheDifference(uint128 first, uint128 second) public {
        IERC20 token = IERC20(address(purse));
        vm.assume(first != 0 && second > first);
        uint128[2] memory totals = [first, second];
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 root = payouts.leafOf(token, ALICE, totals[i]);
            vm.prank(SETTLER);
            payouts.proposePayouts(token, totals[i], root);
            vm.warp(START + (i + 1) * 24 hours);
            payouts.claim(ALICE, totals[i], new bytes32[](0), token);
            assert(purse.last() == (i == 0 ? first : second - first));
            assert(purse.there() == 0);
            assert(payouts.paidTo(token, ALICE) == totals[i]);
        }
        try payouts.claim(ALICE, second, new bytes32[](0), token) {
            assert(false);
        } catch {}
    }
}
