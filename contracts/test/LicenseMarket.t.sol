// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ExpiringPause} from "../src/ExpiringPause.sol";
import {LicenseMarket} from "../src/LicenseMarket.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {Signatures} from "../src/Signatures.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {Offers} from "./Offers.sol";
import {Coin} from "./tokens/Coin.sol";
import {ContractWallet} from "./tokens/ContractWallet.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {LyingCoin} from "./tokens/LyingCoin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";
import {EntryVectors} from "./vectors/EntryVectors.sol";

contract LicenseMarketTest is Offers {
    address internal alice;
    LicenseMarket.Offer internal offer;
    bytes internal aliceSigned;
    bytes internal marketSigned;

    function setUp() public {
        openMarket();
        alice = vm.addr(ALICE_KEY);
        offer = offerOf(alice, 1);
        sign();
        fund(CAROL, 1_000_000_000);
    }

    /// Both parties sign the offer as it stands now.
    function sign() internal {
        bytes32 digest = market.digestToSign(offer);
        aliceSigned = signed(ALICE_KEY, digest);
        marketSigned = signed(OFFER_KEY, digest);
    }

    function carolBuys() internal returns (uint32) {
        vm.prank(CAROL);
        return market.buy(offer, aliceSigned, marketSigned, CAROL, COMMITMENT, offer.price);
    }

    function refused(bytes memory reason) internal {
        vm.expectRevert(reason);
        carolBuys();
        nothingWasSold();
    }

    function nothingWasSold() internal view {
        vm.assertFalse(market.isLicensed(CAROL, RELEASE, TERMS));
        vm.assertEq(market.sales(), 0);
        vm.assertEq(coin.balanceOf(CAROL), 1_000_000_000);
        vm.assertEq(coin.balanceOf(address(vault)), 0);
    }

    function test_carolBuysAndTheSplitEarns() public {
        vm.expectEmit();
        emit LicenseMarket.LicenseSold(
            1, offer.id, CAROL, CAROL, RELEASE, TERMS, COMMITMENT, address(coin), 40_000_000, 5_000_000
        );
        vm.assertEq(carolBuys(), 1);

        vm.assertTrue(market.isLicensed(CAROL, RELEASE, TERMS));
        vm.assertFalse(market.isLicensed(CAROL, RELEASE, keccak256("other terms")));
        vm.assertFalse(market.isLicensed(DAVE, RELEASE, TERMS));
        vm.assertEq(vault.potOf(SPLIT, coin), 35_000_000);
        vm.assertEq(vault.houseOf(coin), 5_000_000);
        vm.assertEq(coin.balanceOf(CAROL), 960_000_000);
        vm.assertEq(coin.balanceOf(address(market)), 0);
        LicenseMarket.Receipt memory receipt = market.receiptOf(CAROL, RELEASE, TERMS);
        vm.assertEq(receipt.licenses, 1);
        vm.assertEq(receipt.firstSeq, 1);
        vm.assertEq(receipt.firstAt, 1_795_312_800);
    }

    function test_carolBuysForBob() public {
        address bob = address(0xB0B);
        vm.prank(CAROL);
        market.buy(offer, aliceSigned, marketSigned, bob, COMMITMENT, offer.price);
        vm.assertTrue(market.isLicensed(bob, RELEASE, TERMS));
        vm.assertFalse(market.isLicensed(CAROL, RELEASE, TERMS));
    }

    function test_salesAreNumberedWithoutAGap() public {
        carolBuys();
        vm.warp(block.timestamp + 60);
        vm.assertEq(carolBuys(), 2);
        LicenseMarket.Receipt memory receipt = market.receiptOf(CAROL, RELEASE, TERMS);
        vm.assertEq(receipt.licenses, 2);
        vm.assertEq(receipt.firstSeq, 1);
        vm.assertEq(receipt.firstAt, 1_795_312_800);
    }

    function test_aLicenseForNothingMovesNothing() public {
        (offer.price, offer.token) = (0, address(0));
        sign();
        carolBuys();
        vm.assertTrue(market.isLicensed(CAROL, RELEASE, TERMS));
        vm.assertEq(coin.balanceOf(CAROL), 1_000_000_000);
    }

    function testFuzz_theFeeIsItsPartRoundedDown(uint256 price, uint16 feeBps) public {
        offer.price = bound(price, 1, 1_000_000_000);
        offer.feeBps = uint16(bound(feeBps, 0, 10_000));
        sign();
        carolBuys();
        uint256 fee = offer.price * offer.feeBps / 10_000;
        vm.assertEq(vault.houseOf(coin), fee);
        vm.assertEq(vault.potOf(SPLIT, coin), offer.price - fee);
        vm.assertEq(coin.balanceOf(CAROL), 1_000_000_000 - offer.price);
    }

    function test_anOfferBeginsAndEnds() public {
        (offer.notBefore, offer.deadline) = (uint64(block.timestamp + 10), uint64(block.timestamp + 20));
        sign();
        refused(abi.encodeWithSelector(LicenseMarket.OfferNotYet.selector, offer.notBefore));
        vm.warp(offer.deadline + 1);
        refused(abi.encodeWithSelector(LicenseMarket.OfferExpired.selector, offer.deadline));
        vm.warp(offer.deadline);
        carolBuys();
        vm.assertEq(market.sales(), 1);
    }

    function test_moreThanCarolIsReadyToPayIsRefused() public {
        vm.expectRevert(
            abi.encodeWithSelector(LicenseMarket.PriceAboveLimit.selector, offer.price, offer.price - 1)
        );
        vm.prank(CAROL);
        market.buy(offer, aliceSigned, marketSigned, CAROL, COMMITMENT, offer.price - 1);
        nothingWasSold();
    }

    function test_nobodyIsNoLicensee() public {
        vm.expectRevert(abi.encodeWithSelector(LicenseMarket.NoLicensee.selector));
        vm.prank(CAROL);
        market.buy(offer, aliceSigned, marketSigned, address(0), COMMITMENT, offer.price);
        nothingWasSold();
    }

    function test_aFeeAboveThePriceIsRefused() public {
        offer.feeBps = 10_001;
        sign();
        refused(abi.encodeWithSelector(LicenseMarket.FeeTooHigh.selector, uint16(10_001)));
    }

    function test_aSupplyIsSoldOut() public {
        offer.supply = 2;
        sign();
        carolBuys();
        carolBuys();
        vm.assertEq(market.nonceOf(alice, 1).sold, 2);
        vm.expectRevert(abi.encodeWithSelector(LicenseMarket.SoldOut.selector, uint32(2)));
        carolBuys();
        vm.assertEq(market.sales(), 2);

        // Another offer under the same nonce has no supply of its own.
        offer.price -= 1;
        sign();
        vm.expectRevert(abi.encodeWithSelector(LicenseMarket.SoldOut.selector, uint32(2)));
        carolBuys();
        vm.assertEq(vault.heldOf(coin), 80_000_000);
    }

    function test_aliceClosesHerOfferAlsoWhilePaused() public {
        vm.prank(GUARDIAN);
        market.pause();
        vm.expectEmit();
        emit LicenseMarket.OfferClosed(alice, 1, alice);
        vm.prank(alice);
        market.cancel(1);
        vm.warp(block.timestamp + 7 days);
        refused(abi.encodeWithSelector(LicenseMarket.OfferIsClosed.selector, alice, uint256(1)));
    }

    function test_daveClosesOnlyHisOwn() public {
        vm.prank(DAVE);
        market.cancel(1);
        vm.expectRevert(abi.encodeWithSelector(LicenseMarket.NotOfferKey.selector, DAVE));
        vm.prank(DAVE);
        market.withdrawOffer(alice, 1);
        carolBuys();
        vm.assertEq(market.sales(), 1);
    }

    function test_theMarketplaceWithdrawsWhatItWillNotHonour() public {
        vm.prank(vm.addr(OFFER_KEY));
        market.withdrawOffer(alice, 1);
        refused(abi.encodeWithSelector(LicenseMarket.OfferIsClosed.selector, alice, uint256(1)));
        // Alice's other offers stand.
        offer = offerOf(alice, 2);
        sign();
        carolBuys();
    }

    function test_anotherOfferKeyEndsWhatTheFirstSigned() public {
        vm.prank(ADMIN);
        market.setOfferKey(vm.addr(DAVE_KEY));
        bytes32 digest = market.digestToSign(offer);
        refused(abi.encodeWithSelector(Signatures.NotSignedBy.selector, vm.addr(DAVE_KEY), digest));
        marketSigned = signed(DAVE_KEY, digest);
        carolBuys();
    }

    function test_withoutAnOfferKeyNothingIsSold() public {
        vm.prank(ADMIN);
        market.setOfferKey(address(0));
        bytes memory reason =
            abi.encodeWithSelector(Signatures.NotSignedBy.selector, address(0), market.digestToSign(offer));
        marketSigned = new bytes(65);
        refused(reason);
        marketSigned = "";
        refused(reason);
    }

    function test_onlyTheAdminNamesTheOfferKey() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, GUARDIAN, bytes32(0)
            )
        );
        vm.prank(GUARDIAN);
        market.setOfferKey(DAVE);
        vm.assertEq(market.offerKey(), vm.addr(OFFER_KEY));
    }

    function test_aStolenOfferKeySellsNothingOfAlice() public {
        offer.price = 1;
        bytes32 digest = market.digestToSign(offer);
        aliceSigned = signed(OFFER_KEY, digest);
        marketSigned = signed(OFFER_KEY, digest);
        refused(abi.encodeWithSelector(Signatures.NotSignedBy.selector, alice, digest));
    }

    function test_anOfferThatTheMarketplaceDidNotSignIsNotSold() public {
        marketSigned = aliceSigned;
        refused(
            abi.encodeWithSelector(
                Signatures.NotSignedBy.selector, vm.addr(OFFER_KEY), market.digestToSign(offer)
            )
        );
    }

    /// Whatever word of the offer is changed, it is not what Alice signed.
    function testFuzz_aChangedOfferIsRefused(uint256 what, uint256 bit) public {
        LicenseMarket.Offer memory before = offer;
        what %= 9;
        if (what == 0) offer.id ^= bytes16(uint128(1 << (bit % 128)));
        if (what == 1) offer.release ^= bytes32(1 << (bit % 256));
        if (what == 2) offer.terms ^= bytes32(1 << (bit % 256));
        if (what == 3) offer.split ^= bytes32(1 << (bit % 256));
        if (what == 4) offer.token = address(uint160(offer.token) ^ uint160(1 << (bit % 160)));
        if (what == 5) offer.price = bit % before.price;
        if (what == 6) offer.feeBps = uint16(bit % 1250);
        if (what == 7) offer.supply = uint32(1 + bit % 1000);
        if (what == 8) offer.nonce ^= 1 << (bit % 256);
        refused(abi.encodeWithSelector(Signatures.NotSignedBy.selector, alice, market.digestToSign(offer)));
    }

    function test_signaturesOfAnotherMarketOrChainAreRefused() public {
        LicenseMarket other = new LicenseMarket(ADMIN, GUARDIAN, vm.addr(OFFER_KEY), vault, book);
        bytes32 elsewhere = other.digestToSign(offer);
        bytes32 here = market.digestToSign(offer);
        (aliceSigned, marketSigned) = (signed(ALICE_KEY, elsewhere), signed(OFFER_KEY, elsewhere));
        refused(abi.encodeWithSelector(Signatures.NotSignedBy.selector, alice, here));

        vm.chainId(1);
        elsewhere = market.digestToSign(offer);
        vm.chainId(31337);
        (aliceSigned, marketSigned) = (signed(ALICE_KEY, elsewhere), signed(OFFER_KEY, elsewhere));
        refused(abi.encodeWithSelector(Signatures.NotSignedBy.selector, alice, here));
    }

    function test_theTwinOfASignatureIsRefusedByName() public {
        bytes memory first = aliceSigned;
        aliceSigned = twin(aliceSigned);
        refused(abi.encodeWithSelector(Signatures.MalleableSignature.selector, alice));
        aliceSigned = first;
        marketSigned = twin(marketSigned);
        refused(abi.encodeWithSelector(Signatures.MalleableSignature.selector, vm.addr(OFFER_KEY)));
    }

    function test_walletsThatAreContractsSignOffers() public {
        ContractWallet wallet = new ContractWallet(alice);
        offer = offerOf(address(wallet), 1);
        sign();
        carolBuys();
        // The wallet changes its key: what the old one signed is no longer its word.
        wallet.setOwner(DAVE);
        bytes32 digest = market.digestToSign(offer);
        vm.expectRevert(abi.encodeWithSelector(Signatures.NotSignedBy.selector, address(wallet), digest));
        carolBuys();
        vm.assertEq(market.sales(), 1);
    }

    function test_aPauseStopsSalesAndEndsByItself() public {
        vm.prank(GUARDIAN);
        market.pause();
        refused(abi.encodeWithSelector(ExpiringPause.PausedUntil.selector, uint64(block.timestamp + 7 days)));
        offer.deadline += 7 days;
        sign();
        vm.warp(block.timestamp + 7 days);
        carolBuys();
        vm.assertTrue(market.isLicensed(CAROL, RELEASE, TERMS));
        // The key beside it in the same word is as it was.
        vm.assertEq(market.offerKey(), vm.addr(OFFER_KEY));
    }

    function test_withoutAnAllowanceOrTheMoneyNothingIsSold() public {
        address bob = address(0xB0B);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, offer.price
            )
        );
        vm.prank(bob);
        market.buy(offer, aliceSigned, marketSigned, bob, COMMITMENT, offer.price);
        nothingWasSold();
    }

    function offerIn(Coin hostile, bool listed) internal {
        vm.prank(ADMIN);
        vault.listToken(hostile, listed);
        hostile.mint(CAROL, 1_000_000_000);
        vm.prank(CAROL);
        hostile.approve(address(market), 1_000_000_000);
        offer.token = address(hostile);
        sign();
    }

    function test_aTokenThatTheVaultDoesNotListIsRefused() public {
        offerIn(new Coin(6), false);
        refused(abi.encodeWithSelector(SplitVault.TokenNotAccepted.selector, offer.token));
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        offerIn(new FeeCoin(), true);
        refused(abi.encodeWithSelector(SplitVault.NotReceived.selector, offer.token, offer.price));
    }

    function test_aTokenThatOnlySaysItMovedIsRefused() public {
        LyingCoin liar = new LyingCoin();
        offerIn(liar, true);
        liar.setIdle(true);
        refused(abi.encodeWithSelector(SplitVault.NotReceived.selector, offer.token, offer.price));
    }

    function test_aTokenOfTwoDecimalsIsAToken() public {
        offerIn(new Coin(2), true);
        offer.price = 4_000;
        sign();
        carolBuys();
        vm.assertEq(vault.potOf(SPLIT, IERC20(offer.token)), 3_500);
    }

    /// In the middle of the payment the token buys again, for itself, without paying: it has no allowance.
    function test_aTokenThatCallsBackBuysNothing() public {
        ReentrantCoin hook = new ReentrantCoin();
        offerIn(hook, true);
        hook.setHook(
            address(market),
            abi.encodeCall(
                market.buy, (offer, aliceSigned, marketSigned, address(hook), COMMITMENT, offer.price)
            )
        );
        carolBuys();
        vm.assertEq(hook.calls(), 1);
        vm.assertEq(hook.succeeded(), 0);
        vm.assertFalse(market.isLicensed(address(hook), RELEASE, TERMS));
        vm.assertEq(market.sales(), 1);
        vm.assertEq(vault.heldOf(hook), offer.price);
    }

    /// In the middle of the payment the token absorbs what has just arrived for a split of its own: all is undone.
    function test_aTokenThatStealsThePaymentUndoesTheSale() public {
        ReentrantCoin hook = new ReentrantCoin();
        offerIn(hook, true);
        bytes32 thiefs = keccak256("thief's split");
        hook.setHook(address(vault), abi.encodeCall(vault.absorb, (thiefs, hook, offer.price, 0)));
        refused(abi.encodeWithSelector(SplitVault.NotReceived.selector, offer.token, offer.price));
        vm.assertEq(vault.potOf(thiefs, hook), 0);
    }

    function anchorGrants() internal returns (EntryVectors.GrantEntry[] memory grants, uint64 first) {
        grants = EntryVectors.grants();
        uint256 size = EntryVectors.paths().length;
        book.anchor(EntryVectors.ROOT, uint64(size), 0);
        first = uint64(size - grants.length);
    }

    function pathOf(uint256 index) internal pure returns (bytes32[] memory path) {
        bytes memory joined = EntryVectors.paths()[index];
        path = new bytes32[](joined.length / 32);
        for (uint256 i = 0; i < path.length; ++i) {
            path[i] = word(joined, 32 * i);
        }
    }

    /// Entries, tree and audit paths are written by the log's own Python.
    function test_aLicenseBoughtOffChainIsShownByItsGrant() public {
        (EntryVectors.GrantEntry[] memory grants, uint64 first) = anchorGrants();
        for (uint64 i = 0; i < grants.length; ++i) {
            LogEntry.Grant memory said =
                market.verifyGrant(grants[i].entry, EntryVectors.ROOT, first + i, pathOf(first + i));
            vm.assertEq(said.release, grants[i].said.release);
            vm.assertEq(said.terms, grants[i].said.terms);
            vm.assertEq(said.licenseeCommitment, grants[i].said.licenseeCommitment);
            vm.assertEq(bytes32(said.grant), bytes32(grants[i].said.grant));
        }
    }

    function test_aGrantThatIsNotInTheLogShowsNothing() public {
        (EntryVectors.GrantEntry[] memory grants, uint64 first) = anchorGrants();
        bytes memory reason = abi.encodeWithSelector(
            LicenseMarket.GrantNotInTheLog.selector, grants[1].leaf, EntryVectors.ROOT
        );
        vm.expectRevert(reason);
        market.verifyGrant(grants[1].entry, EntryVectors.ROOT, first, pathOf(first));
        reason = abi.encodeWithSelector(LicenseMarket.GrantNotInTheLog.selector, grants[1].leaf, bytes32(0));
        vm.expectRevert(reason);
        market.verifyGrant(grants[1].entry, 0, first + 1, pathOf(first + 1));
    }

    /// An entry of the log that is none of ours, or of another type, is no license, however true its proof.
    function test_anotherEntryOfTheLogIsNoGrant() public {
        bytes memory entry = '{"body":{"certificate":"';
        bytes32 leaf = sha256(abi.encodePacked(bytes1(0), entry));
        book.anchor(leaf, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(LogEntry.NotAGrant.selector, uint256(24)));
        market.verifyGrant(entry, leaf, 0, new bytes32[](0));
    }
}
