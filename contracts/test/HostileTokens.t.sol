// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ClaimBook} from "../src/ClaimBook.sol";
import {PayoutDistributor} from "../src/PayoutDistributor.sol";
import {IWrappedCoin, RoyaltyReceiverFactory} from "../src/RoyaltyReceiverFactory.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {ReferencePayoutTree} from "./ReferencePayoutTree.sol";
import {Test} from "./Vm.sol";
import {BlacklistCoin} from "./tokens/BlacklistCoin.sol";
import {Coin} from "./tokens/Coin.sol";
import {FalseCoin} from "./tokens/FalseCoin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {LyingCoin} from "./tokens/LyingCoin.sol";
import {NoReturnCoin} from "./tokens/NoReturnCoin.sol";
import {WrappedCoin} from "./tokens/WrappedCoin.sol";

/// @notice Tokens that a bond book, a royalty address and a payout meet, as if whoever let them in had been wrong.
/// Those that the vault and the market meet are in their own tests, and so are the commoner ones of these three.
contract HostileTokensTest is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant ARBITER = address(0xAB);
    address internal constant SETTLER = address(0xA1);
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    bytes16 internal constant CLAIM = 0x1c9e2b346f0d4e218a775b1d6f2e9c02;
    bytes16 internal constant SECOND = 0x1c9e2b346f0d4e218a775b1d6f2e9c03;
    bytes32 internal constant RELEASE = keccak256("Bob's release");
    bytes32 internal constant SPLIT = bytes32(uint256(1));
    bytes32 internal constant OTHER = bytes32(uint256(2));
    uint256 internal constant BOND = 50_000_000;

    ClaimBook internal claims;
    SplitVault internal vault;
    RoyaltyReceiverFactory internal factory;
    PayoutDistributor internal payouts;

    function setUp() public {
        vm.warp(1_795_312_800);
        claims = new ClaimBook(ADMIN, address(0), ARBITER);
        vault = new SplitVault(ADMIN, address(0), IPayees(address(0)), address(0));
        factory = new RoyaltyReceiverFactory(vault, IWrappedCoin(address(new WrappedCoin())));
        payouts = new PayoutDistributor(ADMIN, address(0), SETTLER);
    }

    // Bonds.

    function bonded(address token) internal {
        vm.prank(ADMIN);
        claims.setBond(IERC20(token), BOND);
        Coin(token).mint(ALICE, BOND);
        vm.prank(ALICE);
        // Not through the interface: the oldest tokens answer nothing.
        (bool done,) = token.call(abi.encodeCall(IERC20.approve, (address(claims), type(uint256).max)));
        vm.assertTrue(done);
    }

    function open(bytes16 claim, address token) internal {
        vm.prank(ALICE);
        claims.open(claim, RELEASE, keccak256("evidence"), IERC20(token), BOND);
    }

    function returned(bytes16 claim) internal {
        vm.prank(ARBITER);
        claims.resolve(claim, ClaimBook.State.Returned, keccak256("the decision"));
    }

    function test_aBondInATokenThatAnswersNothingIsABond() public {
        NoReturnCoin token = new NoReturnCoin();
        bonded(address(token));
        open(CLAIM, address(token));
        vm.assertEq(token.balanceOf(address(claims)), BOND);
        returned(CLAIM);
        claims.collect(IERC20(address(token)), ALICE);
        vm.assertEq(token.balanceOf(ALICE), BOND);
        vm.assertEq(claims.heldOf(IERC20(address(token))), 0);
    }

    function test_aBondInATokenThatAnswersFalseNeitherComesNorIsLost() public {
        FalseCoin token = new FalseCoin();
        bonded(address(token));
        token.setRefusing(true);
        bytes memory refusal = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token);
        vm.expectRevert(refusal);
        open(CLAIM, address(token));
        vm.assertEq(claims.openClaims(RELEASE), 0);
        vm.assertEq(claims.heldOf(token), 0);

        token.setRefusing(false);
        open(CLAIM, address(token));
        returned(CLAIM);
        token.setRefusing(true);
        vm.expectRevert(refusal);
        claims.collect(token, ALICE);
        vm.assertEq(claims.owedTo(token, ALICE), BOND);
        token.setRefusing(false);
        claims.collect(token, ALICE);
        vm.assertEq(token.balanceOf(ALICE), BOND);
    }

    /// What lies there for nobody is no part of anybody's bond, but it makes up for what a token keeps.
    function test_aFeeOnABondIsNotTakenFromOtherBonds() public {
        FeeCoin token = new FeeCoin();
        bonded(address(token));
        token.mint(address(claims), BOND / 100 - 1);
        vm.expectRevert(abi.encodeWithSelector(ClaimBook.BondNotReceived.selector, BOND - 1, BOND));
        open(CLAIM, address(token));
        token.mint(address(claims), 1);
        open(CLAIM, address(token));
        vm.assertEq(claims.heldOf(token), BOND);
        vm.assertEq(token.balanceOf(address(claims)), BOND);
    }

    /// The one token that this book does not see through: it charges who sends. Its own bonds fall short; no other's.
    function test_aTokenThatChargesWhoSendsIsShortForItsOwnBondsOnly() public {
        FeeCoin token = new FeeCoin();
        token.setFeeOnSender(true);
        bonded(address(token));
        token.mint(ALICE, BOND / 100);
        open(CLAIM, address(token));
        Coin good = new Coin(6);
        bonded(address(good));
        open(SECOND, address(good));
        returned(CLAIM);
        returned(SECOND);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientBalance.selector, claims, BOND - BOND / 100, BOND
            )
        );
        claims.collect(token, ALICE);
        vm.assertEq(claims.owedTo(token, ALICE), BOND);
        claims.collect(good, ALICE);
        vm.assertEq(good.balanceOf(ALICE), BOND);
    }

    // Royalties.

    function paid(Coin token) internal returns (address receiver) {
        vm.prank(ADMIN);
        vault.listToken(token, true);
        receiver = factory.receiverOf(SPLIT);
        token.mint(receiver, 100);
        token.mint(factory.receiverOf(OTHER), 100);
    }

    function test_aRoyaltyAddressThatATokenBlocksHoldsUpNoOtherSplit() public {
        BlacklistCoin token = new BlacklistCoin();
        address receiver = paid(token);
        token.setBlocked(receiver, true);
        vm.expectRevert(abi.encodeWithSelector(BlacklistCoin.Blocked.selector, receiver));
        factory.sweep(SPLIT, token);
        factory.sweep(OTHER, token);
        vm.assertEq(vault.potOf(OTHER, token), 100);
        vm.assertEq(token.balanceOf(receiver), 100);
        token.setBlocked(receiver, false);
        factory.sweep(SPLIT, token);
        vm.assertEq(vault.potOf(SPLIT, token), 100);
    }

    function test_aRoyaltyInATokenThatOnlySaysItMovedStays() public {
        LyingCoin token = new LyingCoin();
        address receiver = paid(token);
        token.setIdle(true);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, token, 100));
        factory.sweep(SPLIT, token);
        vm.assertEq(vault.heldOf(token), 0);
        token.setIdle(false);
        factory.sweep(SPLIT, token);
        vm.assertEq(vault.potOf(SPLIT, token), 100);
        vm.assertEq(token.balanceOf(receiver), 0);
    }

    /// It takes its fee of the receiver beyond what it moves: there is not so much, and nothing moves.
    function test_aRoyaltyInATokenThatChargesWhoSendsStays() public {
        FeeCoin token = new FeeCoin();
        address receiver = paid(token);
        token.setFeeOnSender(true);
        // The fee of one unit is gone by then.
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, receiver, 99, 100)
        );
        factory.sweep(SPLIT, token);
        vm.assertEq(token.balanceOf(receiver), 100);
        vm.assertEq(vault.heldOf(token), 0);
    }

    // Payouts.

    function settled(Coin token, uint256 alice, uint256 bob) internal returns (bytes32[] memory leaves) {
        leaves = new bytes32[](2);
        leaves[0] = payouts.leafOf(token, ALICE, alice);
        leaves[1] = payouts.leafOf(token, BOB, bob);
        uint256 more = alice + bob - payouts.statusOf(token).funded;
        token.mint(SETTLER, more + more / 100);
        vm.startPrank(SETTLER);
        token.approve(address(payouts), more);
        payouts.proposePayouts(token, alice + bob, ReferencePayoutTree.root(leaves));
        vm.stopPrank();
    }

    /// The one token that this book does not see through: it charges who sends, so its own accounts fall short by
    /// what it took. Nothing of another token is paid for it, and nobody is written down as paid who was not.
    function test_aTokenThatChargesWhoSendsIsShortForItsOwnAccountsOnly() public {
        FeeCoin token = new FeeCoin();
        token.setFeeOnSender(true);
        Coin good = new Coin(6);
        bytes32[] memory leaves = settled(token, 700, 300);
        bytes32[] memory others = settled(good, 700, 300);
        vm.warp(block.timestamp + 1 days);
        payouts.claim(ALICE, 700, ReferencePayoutTree.proof(leaves, 0), token);
        vm.assertEq(token.balanceOf(address(payouts)), 293);
        bytes32[] memory proof = ReferencePayoutTree.proof(leaves, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, payouts, 290, 300)
        );
        payouts.claim(BOB, 300, proof, token);
        vm.assertEq(payouts.paidTo(token, BOB), 0);
        // Whoever makes up for what the token took lets Bob be paid.
        token.mint(address(payouts), 10);
        payouts.claim(BOB, 300, proof, token);
        vm.assertEq(token.balanceOf(BOB), 300);
        payouts.claim(ALICE, 700, ReferencePayoutTree.proof(others, 0), good);
        payouts.claim(BOB, 300, ReferencePayoutTree.proof(others, 1), good);
        vm.assertEq(good.balanceOf(address(payouts)), 0);
    }

    /// Balances that are not there pay for no root: before and after are asked, and the difference counts.
    function test_inventedBalancesPayForNoRoot() public {
        LyingCoin token = new LyingCoin();
        token.setInvented(10 ** 18);
        token.setIdle(true);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NotReceived.selector, token, 1000));
        vm.prank(SETTLER);
        payouts.proposePayouts(token, 1000, bytes32(uint256(1)));
        vm.assertEq(payouts.statusOf(token).funded, 0);
    }
}
