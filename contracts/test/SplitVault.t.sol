// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {ExpiringPause} from "../src/ExpiringPause.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {Test} from "./Vm.sol";
import {BlacklistCoin} from "./tokens/BlacklistCoin.sol";
import {Coin} from "./tokens/Coin.sol";
import {ContractWallet} from "./tokens/ContractWallet.sol";
import {FalseCoin} from "./tokens/FalseCoin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {LyingCoin} from "./tokens/LyingCoin.sol";
import {NoReturnCoin} from "./tokens/NoReturnCoin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";

/// @notice Wallets as a test says; Payees has tests of its own.
contract Wallets is IPayees {
    mapping(bytes16 payee => address) public walletOf;

    function set(bytes16 payee, address wallet) external {
        walletOf[payee] = wallet;
    }
}

contract SplitVaultTest is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant GUARDIAN = address(0xA2);
    address internal constant TREASURY = address(0xA3);
    address internal constant CAROL = address(0xCA);
    address internal constant DAVE = address(0xDA);
    uint256 internal constant ALICE_KEY = 0xA11CE;
    uint256 internal constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    bytes16 internal constant ALICE = 0x1c9e2b346f0d4e218a775b1d6f2e9c02;
    bytes16 internal constant BOB = 0x3f0a5a5258ad4b6f9d0a0d2b9c1f7a11;
    bytes32 internal constant SPLIT = 0xc111748c4790cb569fbf65ddda187f51b6d948101322817b3ebe0fd637e40401;
    bytes32 internal constant OTHER = bytes32(uint256(1));
    uint256 internal constant START = 1_795_312_800;

    Wallets internal wallets;
    SplitVault internal vault;
    Coin internal coin;
    address internal alice;
    bytes16[] internal payees;
    uint32[] internal shares;

    function setUp() public {
        vm.warp(START);
        wallets = new Wallets();
        vault = new SplitVault(ADMIN, GUARDIAN, wallets, TREASURY);
        coin = new Coin(6);
        list(address(coin));
        alice = vm.addr(ALICE_KEY);
        payees.push(ALICE);
        payees.push(BOB);
        shares.push(700_000_000);
        shares.push(300_000_000);
    }

    function list(address token) internal {
        vm.prank(ADMIN);
        vault.listToken(IERC20(token), true);
    }

    /// Carol pays; the vault holds it for the split.
    function earn(Coin token, uint256 amount, uint256 fee) internal {
        token.mint(address(vault), amount);
        vault.absorb(SPLIT, token, amount, fee);
    }

    function paySplit(address token, uint256 amount) internal {
        Coin(token).mint(CAROL, amount);
        vm.startPrank(CAROL);
        // Not through the interface: the oldest tokens answer nothing.
        (bool done,) = token.call(abi.encodeCall(IERC20.approve, (address(vault), amount)));
        vm.assertTrue(done);
        vault.pay(SPLIT, IERC20(token), amount);
        vm.stopPrank();
    }

    function test_whatIsSentAndAbsorbedIsTheSplitsAndTheHouses() public {
        coin.mint(address(vault), 1000);
        vm.expectEmit();
        emit SplitVault.Absorbed(SPLIT, coin, 1000, 50);
        vault.absorb(SPLIT, coin, 1000, 50);
        vm.assertEq(vault.potOf(SPLIT, coin), 950);
        vm.assertEq(vault.houseOf(coin), 50);
        vm.assertEq(vault.heldOf(coin), 1000);
    }

    function test_nothingIsAbsorbedThatIsNotThere() public {
        earn(coin, 1000, 0);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, coin, 1));
        vault.absorb(OTHER, coin, 1, 0);
        coin.mint(address(vault), 5);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, coin, 6));
        vault.absorb(OTHER, coin, 6, 0);
        vm.assertEq(vault.potOf(OTHER, coin), 0);
        vm.assertEq(vault.heldOf(coin), 1000);
    }

    function test_aFeeIsAPartOfTheAmountAndAnAmountIsMoreThanNothing() public {
        coin.mint(address(vault), 10);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.FeeAboveAmount.selector, 11, 10));
        vault.absorb(SPLIT, coin, 10, 11);
        vm.expectRevert(SplitVault.AmountZero.selector);
        vault.absorb(SPLIT, coin, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.AmountTooLarge.selector, type(uint256).max));
        vault.absorb(SPLIT, coin, type(uint256).max, 0);
        vault.absorb(SPLIT, coin, 10, 10);
        vm.assertEq(vault.potOf(SPLIT, coin), 0);
        vm.assertEq(vault.houseOf(coin), 10);
    }

    function test_payTakesWhatTheCallerAllowed() public {
        paySplit(address(coin), 700);
        vm.assertEq(vault.potOf(SPLIT, coin), 700);
        vm.assertEq(coin.balanceOf(CAROL), 0);
    }

    function test_onlyTokensOnTheListAreTaken() public {
        Coin other = new Coin(6);
        other.mint(address(vault), 10);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.TokenNotAccepted.selector, other));
        vault.absorb(SPLIT, other, 10, 0);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.TokenNotAccepted.selector, other));
        vault.pay(SPLIT, other, 10);
    }

    function test_aPotIsDividedAsTheBooksDivide() public {
        earn(coin, 1001, 0);
        vm.expectEmit();
        emit SplitVault.Distributed(SPLIT, coin, 1001);
        vm.prank(DAVE);
        vault.distribute(payees, shares, coin);
        vm.assertEq(vault.balanceOf(ALICE, coin), 701);
        vm.assertEq(vault.balanceOf(BOB, coin), 300);
        vm.assertEq(vault.potOf(SPLIT, coin), 0);
        vm.assertEq(vault.heldOf(coin), 1001);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.PotEmpty.selector, SPLIT, coin));
        vault.distribute(payees, shares, coin);
    }

    function test_noOtherSharesDivideAPot() public {
        earn(coin, 1000, 0);
        shares[0] = 700_000_001;
        shares[1] = 299_999_999;
        bytes32 asked = vault.splitOf(payees, shares);
        vm.assertTrue(asked != SPLIT);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.PotEmpty.selector, asked, coin));
        vault.distribute(payees, shares, coin);
        vm.assertEq(vault.potOf(SPLIT, coin), 1000);
    }

    function test_anyoneSendsAPayeeTheirMoneyAndOnlyToTheirWallet() public {
        earn(coin, 1000, 0);
        vault.distribute(payees, shares, coin);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NoWallet.selector, ALICE));
        vault.withdraw(ALICE, coin);
        wallets.set(ALICE, alice);
        vm.prank(DAVE);
        vault.withdraw(ALICE, coin);
        vm.assertEq(coin.balanceOf(alice), 700);
        vm.assertEq(coin.balanceOf(DAVE), 0);
        vm.assertEq(vault.heldOf(coin), 300);
        vm.expectRevert(SplitVault.NothingToWithdraw.selector);
        vault.withdraw(ALICE, coin);
    }

    function test_theHousesPartGoesToTheTreasury() public {
        earn(coin, 1000, 50);
        vm.prank(DAVE);
        vault.withdrawHouse(coin);
        vm.assertEq(coin.balanceOf(TREASURY), 50);
        vm.assertEq(vault.houseOf(coin), 0);
        vm.assertEq(vault.heldOf(coin), 950);
        vm.expectRevert(SplitVault.NothingToWithdraw.selector);
        vault.withdrawHouse(coin);
    }

    function test_withoutATreasuryTheHousesPartWaits() public {
        earn(coin, 1000, 50);
        vm.prank(ADMIN);
        vault.setTreasury(address(0));
        vm.expectRevert(SplitVault.NoTreasury.selector);
        vault.withdrawHouse(coin);
        vm.assertEq(vault.houseOf(coin), 50);
    }

    function test_onlyTheAdminKeepsTheListAndTheTreasury() public {
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, GUARDIAN, bytes32(0)
        );
        vm.startPrank(GUARDIAN);
        vm.expectRevert(refusal);
        vault.listToken(coin, false);
        vm.expectRevert(refusal);
        vault.setTreasury(GUARDIAN);
        vm.stopPrank();
        vm.assertTrue(vault.accepts(coin));
        vm.assertEq(vault.treasury(), TREASURY);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotAContract.selector, DAVE));
        vm.prank(ADMIN);
        vault.listToken(IERC20(DAVE), true);
    }

    function test_theGuardianCannotNameAnother() public {
        bytes32 role = vault.GUARDIAN_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, GUARDIAN, bytes32(0)
            )
        );
        vm.prank(GUARDIAN);
        vault.grantRole(role, DAVE);
    }

    function test_aTokenThatLeavesTheListIsStillDividedAndWithdrawn() public {
        earn(coin, 1000, 50);
        vm.prank(ADMIN);
        vault.listToken(coin, false);
        vault.distribute(payees, shares, coin);
        wallets.set(ALICE, alice);
        vault.withdraw(ALICE, coin);
        vault.withdrawHouse(coin);
        vm.assertEq(coin.balanceOf(alice), 665);
        vm.assertEq(coin.balanceOf(TREASURY), 50);
    }

    // The pause.

    function test_aPauseStopsWhatComesInAndNothingThatGoesOut() public {
        earn(coin, 1000, 50);
        wallets.set(ALICE, alice);
        vm.prank(GUARDIAN);
        vault.pause();
        coin.mint(address(vault), 1);
        vm.expectRevert(abi.encodeWithSelector(ExpiringPause.PausedUntil.selector, START + 7 days));
        vault.absorb(SPLIT, coin, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ExpiringPause.PausedUntil.selector, START + 7 days));
        vault.pay(SPLIT, coin, 1);
        vault.distribute(payees, shares, coin);
        vault.withdraw(ALICE, coin);
        vault.withdrawHouse(coin);
        vm.assertEq(coin.balanceOf(alice), 665);
    }

    function test_aPauseEndsByItselfAndIsNotRenewedAtOnce() public {
        vm.prank(GUARDIAN);
        vault.pause();
        vm.warp(START + 7 days - 1);
        vm.assertTrue(vault.paused());
        vm.expectRevert(abi.encodeWithSelector(ExpiringPause.PauseNotYet.selector, START + 10 days));
        vm.prank(GUARDIAN);
        vault.pause();
        vm.warp(START + 7 days);
        vm.assertFalse(vault.paused());
        earn(coin, 1000, 0);
        vm.warp(START + 10 days - 1);
        vm.expectRevert(abi.encodeWithSelector(ExpiringPause.PauseNotYet.selector, START + 10 days));
        vm.prank(GUARDIAN);
        vault.pause();
        vm.warp(START + 10 days);
        vm.prank(GUARDIAN);
        vault.pause();
        vm.assertEq(vault.pausedUntil(), START + 17 days);
    }

    function test_theGuardianEndsAPauseAndTheGapBeginsThen() public {
        vm.startPrank(GUARDIAN);
        vm.expectRevert(ExpiringPause.NotPaused.selector);
        vault.unpause();
        vault.pause();
        vm.warp(START + 1 days);
        vault.unpause();
        vm.assertFalse(vault.paused());
        vm.expectRevert(abi.encodeWithSelector(ExpiringPause.PauseNotYet.selector, START + 4 days));
        vault.pause();
        vm.stopPrank();
    }

    function test_nobodyElsePauses() public {
        bytes32 role = vault.GUARDIAN_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, ADMIN, role)
        );
        vm.prank(ADMIN);
        vault.pause();
    }

    // Signatures.

    function signed(uint256 key, bytes16 payee, address to, uint256 amount, uint256 nonce, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest(payee, to, amount, nonce, deadline));
        return abi.encodePacked(r, s, v);
    }

    function digest(bytes16 payee, address to, uint256 amount, uint256 nonce, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 body =
            keccak256(abi.encode(vault.WITHDRAW_TYPEHASH(), payee, coin, to, amount, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", vault.domainSeparator(), body));
    }

    function earnedByAlice() internal {
        earn(coin, 1000, 0);
        vault.distribute(payees, shares, coin);
        wallets.set(ALICE, alice);
    }

    function test_aliceIsPaidElsewhereByHerSignatureOnce() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 200, 0, START);
        vm.prank(DAVE);
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
        vm.assertEq(coin.balanceOf(CAROL), 200);
        vm.assertEq(vault.balanceOf(ALICE, coin), 500);
        vm.assertEq(vault.nonceOf(ALICE), 1);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongNonce.selector, 0, 1));
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
        vm.assertEq(coin.balanceOf(CAROL), 200);
    }

    function test_noWordOfWhatWasSignedMayChange() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 200, 0, START);
        bytes memory refusal = abi.encodeWithSelector(SplitVault.WrongSignature.selector, alice);
        vm.expectRevert(refusal);
        vault.withdrawWithSig(ALICE, coin, DAVE, 200, 0, START, signature);
        vm.expectRevert(refusal);
        vault.withdrawWithSig(ALICE, coin, CAROL, 201, 0, START, signature);
        vm.expectRevert(refusal);
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START + 1, signature);
        Coin other = new Coin(6);
        vm.expectRevert(refusal);
        vault.withdrawWithSig(ALICE, other, CAROL, 200, 0, START, signature);
        wallets.set(BOB, CAROL);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongSignature.selector, CAROL));
        vault.withdrawWithSig(BOB, coin, CAROL, 200, 0, START, signature);
        vm.assertEq(vault.nonceOf(ALICE), 0);
    }

    function test_expiredForeignAndMalleableSignaturesAreRefused() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 200, 0, START);
        bytes memory refusal = abi.encodeWithSelector(SplitVault.WrongSignature.selector, alice);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE_KEY, digest(ALICE, CAROL, 200, 0, START));
        bytes memory high = abi.encodePacked(r, bytes32(N - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(refusal);
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, high);
        vm.chainId(10);
        vm.expectRevert(refusal);
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
        vm.chainId(31337);
        vm.warp(START + 1);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.SignatureExpired.selector, START));
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
        vm.assertEq(coin.balanceOf(CAROL), 0);
    }

    function test_aSignatureCountsInOneVault() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 200, 0, START);
        vault = new SplitVault(ADMIN, GUARDIAN, wallets, TREASURY);
        list(address(coin));
        earnedByAlice();
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongSignature.selector, alice));
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
    }

    function test_whoeverIsBoundNowSigns() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 200, 0, START);
        ContractWallet wallet = new ContractWallet(alice);
        wallets.set(ALICE, DAVE);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongSignature.selector, DAVE));
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
        wallets.set(ALICE, address(wallet));
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
        vm.assertEq(coin.balanceOf(CAROL), 200);
    }

    function test_noSignatureTakesMoreThanThereIsOrGoesNowhere() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 701, 0, START);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.BalanceTooSmall.selector, 700, 701));
        vault.withdrawWithSig(ALICE, coin, CAROL, 701, 0, START, signature);
        signature = signed(ALICE_KEY, ALICE, address(vault), 700, 0, START);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongRecipient.selector, address(vault)));
        vault.withdrawWithSig(ALICE, coin, address(vault), 700, 0, START, signature);
        signature = signed(ALICE_KEY, ALICE, address(0), 700, 0, START);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongRecipient.selector, address(0)));
        vault.withdrawWithSig(ALICE, coin, address(0), 700, 0, START, signature);
    }

    function test_aliceTakesASignatureBack() public {
        earnedByAlice();
        bytes memory signature = signed(ALICE_KEY, ALICE, CAROL, 200, 0, START);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotTheWallet.selector, DAVE));
        vm.prank(DAVE);
        vault.skipNonce(ALICE);
        vm.prank(alice);
        vault.skipNonce(ALICE);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongNonce.selector, 0, 1));
        vault.withdrawWithSig(ALICE, coin, CAROL, 200, 0, START, signature);
    }

    // Hostile tokens: each is on the list, as if the admin had been wrong about it.

    function test_aTokenThatAnswersNothingWorks() public {
        NoReturnCoin token = new NoReturnCoin();
        list(address(token));
        paySplit(address(token), 1000);
        vault.distribute(payees, shares, IERC20(address(token)));
        wallets.set(ALICE, alice);
        vault.withdraw(ALICE, IERC20(address(token)));
        vm.assertEq(token.balanceOf(alice), 700);
    }

    function test_aTokenOfTwoDecimalsIsDividedToItsUnit() public {
        Coin cents = new Coin(2);
        list(address(cents));
        paySplit(address(cents), 1);
        vault.distribute(payees, shares, cents);
        vm.assertEq(vault.balanceOf(ALICE, cents), 1);
        vm.assertEq(vault.balanceOf(BOB, cents), 0);
    }

    function test_aTokenThatAnswersFalseNeitherPaysNorTakesAway() public {
        FalseCoin token = new FalseCoin();
        list(address(token));
        paySplit(address(token), 1000);
        vault.distribute(payees, shares, token);
        wallets.set(ALICE, alice);
        token.setRefusing(true);
        bytes memory refusal = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token);
        vm.expectRevert(refusal);
        vault.pay(SPLIT, token, 1);
        vm.expectRevert(refusal);
        vault.withdraw(ALICE, token);
        vm.assertEq(vault.balanceOf(ALICE, token), 700);
        token.setRefusing(false);
        vault.withdraw(ALICE, token);
        vm.assertEq(token.balanceOf(alice), 700);
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        FeeCoin token = new FeeCoin();
        list(address(token));
        // Also where enough lies here unabsorbed to make up for the fee.
        token.mint(address(vault), 100);
        token.mint(CAROL, 1000);
        vm.startPrank(CAROL);
        token.approve(address(vault), 1000);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, token, 1000));
        vault.pay(SPLIT, token, 1000);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(CAROL), 1000);
        vm.assertEq(vault.heldOf(token), 0);
    }

    function test_aTokenThatTakesAFeeOfTheSenderTakesNobodyElsesMoney() public {
        FeeCoin token = new FeeCoin();
        list(address(token));
        token.mint(address(vault), 1000);
        vault.absorb(SPLIT, token, 1000, 0);
        vault.distribute(payees, shares, token);
        wallets.set(ALICE, alice);
        token.setFeeOnSender(true);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotSent.selector, token, 700));
        vault.withdraw(ALICE, token);
        vm.assertEq(token.balanceOf(address(vault)), 1000);
    }

    function test_aWalletThatATokenBlocksKeepsNobodyElseFromTheirMoney() public {
        BlacklistCoin token = new BlacklistCoin();
        list(address(token));
        paySplit(address(token), 1000);
        wallets.set(ALICE, alice);
        wallets.set(BOB, CAROL);
        token.setBlocked(alice, true);
        vault.distribute(payees, shares, token);
        vm.expectRevert(abi.encodeWithSelector(BlacklistCoin.Blocked.selector, alice));
        vault.withdraw(ALICE, token);
        vault.withdraw(BOB, token);
        vm.assertEq(token.balanceOf(CAROL), 300);
        vm.assertEq(vault.balanceOf(ALICE, token), 700);
    }

    function test_aTokenThatSaysYesAndMovesNothingIsRefusedBothWays() public {
        LyingCoin token = new LyingCoin();
        list(address(token));
        paySplit(address(token), 1000);
        vault.distribute(payees, shares, token);
        wallets.set(ALICE, alice);
        token.setIdle(true);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, token, 5));
        vault.pay(SPLIT, token, 5);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotSent.selector, token, 700));
        vault.withdraw(ALICE, token);
        vm.assertEq(vault.balanceOf(ALICE, token), 700);
    }

    function test_aTokenThatInventsBalancesHarmsNoOtherToken() public {
        LyingCoin token = new LyingCoin();
        list(address(token));
        earn(coin, 1000, 0);
        token.setInvented(1_000_000);
        vault.absorb(SPLIT, token, 1_000_000, 0);
        vault.distribute(payees, shares, token);
        vm.assertEq(vault.heldOf(coin), 1000);
        vm.assertEq(vault.balanceOf(ALICE, coin), 0);
        wallets.set(ALICE, alice);
        vm.expectRevert();
        vault.withdraw(ALICE, token);
    }

    function test_aTokenThatCallsBackGetsNothingTwice() public {
        ReentrantCoin token = new ReentrantCoin();
        list(address(token));
        // In the middle of a payment it would absorb the same money for another split.
        token.setHook(address(vault), abi.encodeCall(vault.absorb, (OTHER, token, 1000, 0)));
        token.mint(DAVE, 0);
        vm.assertEq(token.calls(), 1);
        token.mint(CAROL, 1000);
        token.setHook(address(vault), abi.encodeCall(vault.absorb, (OTHER, token, 1000, 0)));
        vm.startPrank(CAROL);
        token.approve(address(vault), 1000);
        vault.pay(SPLIT, token, 1000);
        vm.stopPrank();
        vm.assertEq(token.calls(), 2);
        vm.assertEq(vault.potOf(OTHER, token), 0);
        vm.assertEq(vault.potOf(SPLIT, token), 1000);

        // In the middle of a withdrawal it would withdraw again.
        vault.distribute(payees, shares, token);
        wallets.set(ALICE, alice);
        token.setHook(address(vault), abi.encodeCall(vault.withdraw, (ALICE, token)));
        vault.withdraw(ALICE, token);
        vm.assertEq(token.calls(), 3);
        vm.assertEq(token.succeeded(), 0);
        vm.assertEq(token.balanceOf(alice), 700);
        vm.assertEq(vault.heldOf(token), 300);
    }

    function test_256PayeesAreDividedInOneTransaction() public {
        bytes16[] memory crowd = new bytes16[](256);
        uint32[] memory parts = new uint32[](256);
        uint256 left = 1_000_000_000;
        for (uint256 i = 0; i < 256; ++i) {
            crowd[i] = bytes16(uint128(i + 1) << 64);
            // Rising remainders: the worst order for a sort by insertion.
            parts[i] = uint32(i < 255 ? 3_000_000 + i : left);
            left -= parts[i];
        }
        bytes32 split = vault.splitOf(crowd, parts);
        coin.mint(address(vault), 1_000_000_001);
        vault.absorb(split, coin, 1_000_000_001, 0);
        uint256 before = gasleft();
        vault.distribute(crowd, parts, coin);
        vm.assertLe(before - gasleft(), 14_000_000, "fits a transaction with its data");
        uint256 sum = 0;
        for (uint256 i = 0; i < 256; ++i) {
            sum += vault.balanceOf(crowd[i], coin);
        }
        vm.assertEq(sum, 1_000_000_001);
    }

    function testFuzz_whatComesInIsPotAndHouseToTheUnit(uint120 amount, uint120 fee) public {
        amount = uint120(bound(amount, 1, type(uint120).max));
        fee = uint120(bound(fee, 0, amount));
        earn(coin, amount, fee);
        vm.assertEq(vault.potOf(SPLIT, coin) + vault.houseOf(coin), amount);
        vm.assertEq(vault.heldOf(coin), amount);
        if (fee == amount) return;
        vault.distribute(payees, shares, coin);
        vm.assertEq(vault.balanceOf(ALICE, coin) + vault.balanceOf(BOB, coin), amount - fee);
    }

    function testFuzz_noOtherKeyWithdraws(uint256 key, uint256 amount) public {
        key = bound(key, 1, N - 1);
        vm.assume(key != ALICE_KEY);
        amount = bound(amount, 1, 700);
        earnedByAlice();
        bytes memory signature = signed(key, ALICE, DAVE, amount, 0, START);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongSignature.selector, alice));
        vault.withdrawWithSig(ALICE, coin, DAVE, amount, 0, START, signature);
    }
}
