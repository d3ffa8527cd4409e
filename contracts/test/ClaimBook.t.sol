// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ClaimBook} from "../src/ClaimBook.sol";
import {ExpiringPause} from "../src/ExpiringPause.sol";
import {Test} from "./Vm.sol";
import {BlacklistCoin} from "./tokens/BlacklistCoin.sol";
import {Coin} from "./tokens/Coin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {LyingCoin} from "./tokens/LyingCoin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";

/// @notice Alice claims that Bob's release holds work of hers.
contract ClaimBookTest is Test {
    address internal constant ADMIN = address(0xAD);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant ARBITER = address(0xAB);
    address internal constant ALICE = address(0xA1);
    address internal constant BOB = address(0xB0);
    address internal constant DAVE = address(0xDA);
    bytes16 internal constant CLAIM = 0x1c9e2b346f0d4e218a775b1d6f2e9c02;
    bytes32 internal constant RELEASE = keccak256("Bob's release");
    bytes32 internal constant EVIDENCE = keccak256("Alice's evidence");
    uint256 internal constant BOND = 50_000_000;

    ClaimBook internal book;
    Coin internal coin;

    function setUp() public {
        vm.warp(1_795_312_800);
        book = new ClaimBook(ADMIN, GUARDIAN, ARBITER);
        coin = new Coin(6);
        take(coin, BOND);
    }

    function take(Coin token, uint256 bond) internal {
        vm.prank(ADMIN);
        book.setBond(token, bond);
        address[3] memory people = [ALICE, BOB, DAVE];
        for (uint256 i = 0; i < 3; ++i) {
            token.mint(people[i], 2 * BOND);
            vm.prank(people[i]);
            token.approve(address(book), type(uint256).max);
        }
    }

    function aliceClaims(Coin token) internal {
        vm.prank(ALICE);
        book.open(CLAIM, RELEASE, EVIDENCE, token, BOND);
    }

    function bobAnswers() internal {
        vm.prank(ARBITER);
        book.admit(CLAIM, BOB);
        vm.prank(BOB);
        book.answer(CLAIM, keccak256("Bob's evidence"));
    }

    function resolve(ClaimBook.State state) internal {
        vm.prank(ARBITER);
        book.resolve(CLAIM, state, keccak256("the decision"));
    }

    function refusedState(ClaimBook.State state) internal {
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.NotOpen.selector, CLAIM, state));
    }

    function owed(address who) internal view returns (uint256) {
        return book.owedTo(coin, who);
    }

    function test_aliceFlagsARelease() public {
        vm.expectEmit();
        emit ClaimBook.ClaimOpened(CLAIM, RELEASE, ALICE, EVIDENCE, coin, BOND);
        aliceClaims(coin);
        vm.assertEq(book.openClaims(RELEASE), 1);
        vm.assertEq(book.claimOf(CLAIM).claimant, ALICE);
        vm.assertEq(book.heldOf(coin), BOND);
        vm.assertEq(coin.balanceOf(ALICE), BOND);
    }

    function test_aClaimThatIsUpheldBringsBothBondsToAlice() public {
        aliceClaims(coin);
        bobAnswers();
        vm.assertEq(book.heldOf(coin), 2 * BOND);
        vm.expectEmit();
        emit ClaimBook.ClaimEnded(CLAIM, ClaimBook.State.Upheld, keccak256("the decision"));
        resolve(ClaimBook.State.Upheld);
        vm.assertEq(owed(ALICE), 2 * BOND);
        vm.assertEq(owed(BOB), 0);
        vm.assertEq(book.openClaims(RELEASE), 0);

        // Dave may send it, and it goes to Alice.
        vm.prank(DAVE);
        book.collect(coin, ALICE);
        vm.assertEq(coin.balanceOf(ALICE), 3 * BOND);
        vm.assertEq(book.heldOf(coin), 0);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.NothingOwed.selector, ALICE, coin));
        book.collect(coin, ALICE);
    }

    function test_aClaimThatIsDismissedBringsBothBondsToBob() public {
        aliceClaims(coin);
        bobAnswers();
        resolve(ClaimBook.State.Dismissed);
        vm.assertEq(owed(BOB), 2 * BOND);
        vm.assertEq(owed(ALICE), 0);
    }

    function test_bobNeedNotAnswerToBeRight() public {
        aliceClaims(coin);
        vm.prank(ARBITER);
        book.admit(CLAIM, BOB);
        resolve(ClaimBook.State.Dismissed);
        vm.assertEq(owed(BOB), BOND);
    }

    function test_nobodyGetsTheBondWhereThereIsNoOtherSide() public {
        aliceClaims(coin);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.NoRespondent.selector, CLAIM));
        resolve(ClaimBook.State.Dismissed);
        vm.assertEq(book.openClaims(RELEASE), 1);
        resolve(ClaimBook.State.Returned);
        vm.assertEq(owed(ALICE), BOND);
    }

    function test_eachGetsTheirOwnBackWhereNobodyIsWrong() public {
        aliceClaims(coin);
        bobAnswers();
        resolve(ClaimBook.State.Returned);
        vm.assertEq(owed(ALICE), BOND);
        vm.assertEq(owed(BOB), BOND);
    }

    function test_aliceTakesItBackBeforeAnAnswerAndNotAfter() public {
        aliceClaims(coin);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.NotClaimant.selector, DAVE));
        vm.prank(DAVE);
        book.withdraw(CLAIM);
        vm.prank(ALICE);
        book.withdraw(CLAIM);
        vm.assertEq(owed(ALICE), BOND);
        refusedState(ClaimBook.State.Withdrawn);
        vm.prank(ALICE);
        book.withdraw(CLAIM);
        vm.assertEq(owed(ALICE), BOND);
    }

    function test_anAnsweredClaimIsDecidedOrExpires() public {
        aliceClaims(coin);
        bobAnswers();
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.AlreadyAnswered.selector, CLAIM));
        vm.prank(ALICE);
        book.withdraw(CLAIM);
        uint64 from = uint64(block.timestamp + 90 days);
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.TooEarly.selector, from));
        book.expire(CLAIM);
        vm.warp(from);
        vm.prank(DAVE);
        book.expire(CLAIM);
        vm.assertEq(owed(ALICE), BOND);
        vm.assertEq(owed(BOB), BOND);
        refusedState(ClaimBook.State.Expired);
        resolve(ClaimBook.State.Upheld);
    }

    function test_aDecisionIsOneOfThreeAndMadeOnce() public {
        aliceClaims(coin);
        ClaimBook.State[4] memory others =
            [ClaimBook.State.None, ClaimBook.State.Open, ClaimBook.State.Withdrawn, ClaimBook.State.Expired];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ClaimBook.NotADecision.selector, others[i]));
            resolve(others[i]);
        }
        resolve(ClaimBook.State.Upheld);
        refusedState(ClaimBook.State.Upheld);
        resolve(ClaimBook.State.Returned);
        vm.assertEq(owed(ALICE), BOND);
    }

    function test_aUuidIsOneClaim() public {
        aliceClaims(coin);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.ClaimExists.selector, CLAIM));
        vm.prank(DAVE);
        book.open(CLAIM, RELEASE, EVIDENCE, coin, BOND);
        vm.assertEq(book.heldOf(coin), BOND);
    }

    function test_aClaimThatIsNotHasNoCourse() public {
        refusedState(ClaimBook.State.None);
        resolve(ClaimBook.State.Upheld);
        refusedState(ClaimBook.State.None);
        book.expire(CLAIM);
        refusedState(ClaimBook.State.None);
        book.withdraw(CLAIM);
    }

    function test_daveIsNeitherArbiterNorTheOtherSide() public {
        aliceClaims(coin);
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, DAVE, book.ARBITER_ROLE()
        );
        vm.expectRevert(refusal);
        vm.prank(DAVE);
        book.admit(CLAIM, DAVE);
        vm.expectRevert(refusal);
        vm.prank(DAVE);
        book.resolve(CLAIM, ClaimBook.State.Returned, 0);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.NotRespondent.selector, DAVE));
        vm.prank(DAVE);
        book.answer(CLAIM, EVIDENCE);
        vm.assertEq(book.heldOf(coin), BOND);
    }

    function test_theOtherSideIsNamedOnce() public {
        aliceClaims(coin);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.NoAddress.selector));
        vm.prank(ARBITER);
        book.admit(CLAIM, address(0));
        bobAnswers();
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.AlreadyAdmitted.selector, BOB));
        vm.prank(ARBITER);
        book.admit(CLAIM, DAVE);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.AlreadyAnswered.selector, CLAIM));
        vm.prank(BOB);
        book.answer(CLAIM, EVIDENCE);
        vm.assertEq(book.heldOf(coin), 2 * BOND);
    }

    function test_aPauseStopsWhatBeginsAndNothingThatEnds() public {
        aliceClaims(coin);
        vm.prank(GUARDIAN);
        book.pause();
        bytes memory refusal =
            abi.encodeWithSelector(ExpiringPause.PausedUntil.selector, uint64(block.timestamp + 7 days));
        vm.expectRevert(refusal);
        vm.prank(DAVE);
        book.open("another", RELEASE, EVIDENCE, coin, BOND);
        vm.expectRevert(refusal);
        resolve(ClaimBook.State.Upheld);
        vm.expectRevert(refusal);
        vm.prank(ARBITER);
        book.admit(CLAIM, BOB);

        vm.prank(ALICE);
        book.withdraw(CLAIM);
        book.collect(coin, ALICE);
        vm.assertEq(coin.balanceOf(ALICE), 2 * BOND);
    }

    function test_anExpiredClaimIsPaidOutDuringAPause() public {
        aliceClaims(coin);
        bobAnswers();
        vm.warp(block.timestamp + 90 days);
        vm.prank(GUARDIAN);
        book.pause();
        book.expire(CLAIM);
        book.collect(coin, ALICE);
        book.collect(coin, BOB);
        vm.assertEq(coin.balanceOf(address(book)), 0);
    }

    function test_aBondThatChangedIsNotTakenUnseen() public {
        vm.prank(ADMIN);
        book.setBond(coin, 2 * BOND);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.BondChanged.selector, 2 * BOND, BOND));
        aliceClaims(coin);
        vm.assertEq(book.openClaims(RELEASE), 0);
    }

    function test_theBondOfAnOpenClaimStaysAsItWas() public {
        aliceClaims(coin);
        vm.prank(ADMIN);
        book.setBond(coin, 0);
        bobAnswers();
        resolve(ClaimBook.State.Returned);
        vm.assertEq(owed(BOB), BOND);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.TokenNotTaken.selector, coin));
        vm.prank(DAVE);
        book.open("another", RELEASE, EVIDENCE, coin, 0);
    }

    function test_onlyTheAdminSetsBonds() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, ARBITER, bytes32(0)
            )
        );
        vm.prank(ARBITER);
        book.setBond(coin, 1);
        vm.assertEq(book.bondOf(coin), BOND);
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        FeeCoin fee = new FeeCoin();
        take(fee, BOND);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.BondNotReceived.selector, BOND - BOND / 100, BOND));
        aliceClaims(fee);
        vm.assertEq(book.openClaims(RELEASE), 0);
    }

    function test_aTokenThatOnlySaysItMovedIsRefused() public {
        LyingCoin liar = new LyingCoin();
        take(liar, BOND);
        liar.setIdle(true);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.BondNotReceived.selector, 0, BOND));
        aliceClaims(liar);
    }

    function test_whoTheTokenBlocksHoldsUpNobodyElse() public {
        BlacklistCoin strict = new BlacklistCoin();
        take(strict, BOND);
        aliceClaims(strict);
        bobAnswers();
        strict.setBlocked(ALICE, true);
        resolve(ClaimBook.State.Returned);
        vm.expectRevert(abi.encodeWithSelector(BlacklistCoin.Blocked.selector, ALICE));
        book.collect(strict, ALICE);
        book.collect(strict, BOB);
        vm.assertEq(strict.balanceOf(BOB), 2 * BOND);
        vm.assertEq(book.owedTo(strict, ALICE), BOND);
    }

    /// In the middle of Alice's payment the token opens a claim of its own, which her bond would pay for.
    function test_oneBondDoesNotCountTwice() public {
        ReentrantCoin hook = new ReentrantCoin();
        take(hook, BOND);
        hook.setHook(
            address(book),
            abi.encodeCall(book.open, ("another", RELEASE, EVIDENCE, IERC20(address(hook)), BOND))
        );
        aliceClaims(hook);
        vm.assertEq(hook.calls(), 1);
        vm.assertEq(hook.succeeded(), 0);
        vm.assertEq(book.heldOf(hook), BOND);
        vm.assertEq(hook.balanceOf(address(book)), BOND);
    }

    /// While Alice is paid, the token asks for her money again.
    function test_whatIsOwedIsPaidOnce() public {
        ReentrantCoin hook = new ReentrantCoin();
        take(hook, BOND);
        aliceClaims(hook);
        resolve(ClaimBook.State.Returned);
        hook.setHook(address(book), abi.encodeCall(book.collect, (IERC20(address(hook)), ALICE)));
        book.collect(hook, ALICE);
        vm.assertEq(hook.calls(), 1);
        vm.assertEq(hook.succeeded(), 0);
        vm.assertEq(hook.balanceOf(ALICE), 2 * BOND);
    }
}
