// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ClaimBook} from "../src/ClaimBook.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice Claimants, other sides, an arbiter and a guardian; keeps what went in and came out.
contract Court is Test {
    uint256 public constant CLAIMS = 10;
    address internal constant ADMIN = address(0xAD);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant ARBITER = address(0xAB);

    ClaimBook public immutable BOOK = new ClaimBook(ADMIN, GUARDIAN, ARBITER);
    Coin public immutable COIN = new Coin(6);

    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public wrongly;
    bytes32 internal constant RELEASE = keccak256("release");

    constructor() {
        for (uint256 i = 0; i < 5; ++i) {
            COIN.mint(person(i), 1e30);
            vm.prank(person(i));
            COIN.approve(address(BOOK), type(uint256).max);
        }
        vm.prank(ADMIN);
        BOOK.setBond(COIN, 7);
    }

    function person(uint256 seed) public pure returns (address) {
        return address(uint160(0xB00 + seed % 5));
    }

    function claimOf(uint256 seed) public pure returns (bytes16) {
        return bytes16(uint128(1 + seed % CLAIMS));
    }

    function setBond(uint256 bond) external {
        vm.prank(ADMIN);
        BOOK.setBond(COIN, bound(bond, 0, 1e12));
    }

    function open(uint256 claim, uint256 who) external {
        uint256 bond = BOOK.bondOf(COIN);
        vm.prank(person(who));
        try BOOK.open(claimOf(claim), RELEASE, 0, COIN, bond) {
            paidIn += bond;
            if (BOOK.paused() || bond == 0) ++wrongly;
        } catch {}
    }

    function admit(uint256 claim, uint256 whom) external {
        vm.prank(ARBITER);
        try BOOK.admit(claimOf(claim), person(whom)) {
            if (BOOK.paused()) ++wrongly;
        } catch {}
    }

    function answer(uint256 claim, uint256 who) external {
        vm.prank(person(who));
        try BOOK.answer(claimOf(claim), 0) {
            paidIn += BOOK.claimOf(claimOf(claim)).bond;
            if (BOOK.claimOf(claimOf(claim)).respondent != person(who)) ++wrongly;
        } catch {}
    }

    function resolve(uint256 claim, uint8 state, bool arbiter) external {
        vm.prank(arbiter ? ARBITER : person(claim));
        try BOOK.resolve(claimOf(claim), ClaimBook.State(bound(state, 0, 6)), 0) {
            if (!arbiter || BOOK.paused()) ++wrongly;
        } catch {}
    }

    /// What must work for the claimant of an open, unanswered claim, paused or not.
    function withdraw(uint256 claim, uint256 who) external {
        ClaimBook.Claim memory before = BOOK.claimOf(claimOf(claim));
        bool may = before.state == ClaimBook.State.Open && !before.answered && before.claimant == person(who);
        vm.prank(person(who));
        try BOOK.withdraw(claimOf(claim)) {
            if (!may) ++wrongly;
        } catch {
            if (may) ++wrongly;
        }
    }

    function expire(uint256 claim) external {
        ClaimBook.Claim memory before = BOOK.claimOf(claimOf(claim));
        bool may = before.state == ClaimBook.State.Open && block.timestamp >= before.openedAt + 90 days;
        try BOOK.expire(claimOf(claim)) {
            if (!may) ++wrongly;
        } catch {
            if (may) ++wrongly;
        }
    }

    /// What is owed can always be collected, paused or not, by anybody, and goes to whom it is owed.
    function collect(uint256 whom) external {
        uint256 due = BOOK.owedTo(COIN, person(whom));
        uint256 before = COIN.balanceOf(person(whom));
        try BOOK.collect(COIN, person(whom)) {
            paidOut += due;
            if (COIN.balanceOf(person(whom)) != before + due || due == 0) ++wrongly;
        } catch {
            if (due != 0) ++wrongly;
        }
    }

    /// Somebody sends the book money that nobody is owed.
    function donate(uint256 who, uint256 amount) external {
        vm.prank(person(who));
        COIN.transfer(address(BOOK), bound(amount, 0, 1000));
    }

    function wait(uint256 time, bool pause) external {
        vm.warp(block.timestamp + bound(time, 0, 40 days));
        if (!pause) return;
        vm.prank(GUARDIAN);
        try BOOK.pause() {} catch {}
    }
}

contract ClaimBookInvariants is Test {
    Court internal court;

    function setUp() public {
        vm.warp(1_795_312_800);
        court = new Court();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(court);
    }

    function invariant_bondsAreHeldOwedOrPaidAndNothingElse() external view {
        ClaimBook book = court.BOOK();
        IERC20 coin = court.COIN();
        uint256 sum;
        uint256 open;
        for (uint256 i = 0; i < court.CLAIMS(); ++i) {
            ClaimBook.Claim memory it = book.claimOf(court.claimOf(i));
            if (it.state != ClaimBook.State.Open) continue;
            ++open;
            sum += it.answered ? 2 * it.bond : it.bond;
        }
        for (uint256 i = 0; i < 5; ++i) {
            sum += book.owedTo(coin, court.person(i));
        }
        uint256 held = book.heldOf(coin);
        vm.assertEq(held, sum, "held is what is open and owed");
        vm.assertTrue(coin.balanceOf(address(book)) >= held, "solvent");
        vm.assertEq(court.paidIn(), court.paidOut() + held, "in = out + held");
        vm.assertEq(book.openClaims(keccak256("release")), open, "open claims");
        vm.assertEq(court.wrongly(), 0, "nobody out of role, no exit barred");
    }
}
