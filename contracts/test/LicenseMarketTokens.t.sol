// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {LicenseMarket} from "../src/LicenseMarket.sol";
import {Signatures} from "../src/Signatures.sol";
import {Offers} from "./Offers.sol";
import {BlacklistCoin} from "./tokens/BlacklistCoin.sol";
import {Coin} from "./tokens/Coin.sol";
import {FalseCoin} from "./tokens/FalseCoin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {NoReturnCoin} from "./tokens/NoReturnCoin.sol";

/// @notice Licenses paid in tokens that answer nothing, answer false, block people or charge them, each on the vault's
/// list; and signatures in other forms than theirs.
contract LicenseMarketTokensTest is Offers {
    address internal alice;
    LicenseMarket.Offer internal offer;
    bytes internal aliceSigned;
    bytes internal marketSigned;

    function setUp() public {
        openMarket();
        alice = vm.addr(ALICE_KEY);
    }

    /// 40.00 of the token, which Carol and Dave have 100.00 of.
    function offerIn(address token) internal {
        offer = offerOf(alice, 1);
        offer.token = token;
        bytes32 digest = market.digestToSign(offer);
        aliceSigned = signed(ALICE_KEY, digest);
        marketSigned = signed(OFFER_KEY, digest);
        vm.prank(ADMIN);
        vault.listToken(IERC20(token), true);
        for (uint256 i = 0; i < 2; ++i) {
            address buyer = i == 0 ? CAROL : DAVE;
            Coin(token).mint(buyer, 100_000_000);
            vm.prank(buyer);
            // Not through the interface: the oldest tokens answer nothing.
            (bool done,) = token.call(abi.encodeCall(IERC20.approve, (address(market), 100_000_000)));
            vm.assertTrue(done);
        }
    }

    function buys(address buyer) internal {
        vm.prank(buyer);
        market.buy(offer, aliceSigned, marketSigned, buyer, COMMITMENT, offer.price);
    }

    function refused(bytes memory reason) internal {
        vm.expectRevert(reason);
        buys(CAROL);
        vm.assertFalse(market.isLicensed(CAROL, RELEASE, TERMS));
        vm.assertEq(market.sales(), 0);
        vm.assertEq(IERC20(offer.token).balanceOf(CAROL), 100_000_000);
        vm.assertEq(vault.heldOf(IERC20(offer.token)), 0);
    }

    function test_aTokenThatAnswersNothingIsPaidWith() public {
        NoReturnCoin token = new NoReturnCoin();
        offerIn(address(token));
        buys(CAROL);
        vm.assertTrue(market.isLicensed(CAROL, RELEASE, TERMS));
        vm.assertEq(vault.potOf(SPLIT, IERC20(address(token))), 35_000_000);
        vm.assertEq(vault.houseOf(IERC20(address(token))), 5_000_000);
        vm.assertEq(token.balanceOf(address(vault)), 40_000_000);
    }

    function test_aTokenThatAnswersFalsePaysForNothing() public {
        FalseCoin token = new FalseCoin();
        offerIn(address(token));
        token.setRefusing(true);
        refused(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token));
        token.setRefusing(false);
        buys(CAROL);
        vm.assertEq(market.sales(), 1);
    }

    function test_whomATokenBlocksHoldsUpNobodyElse() public {
        BlacklistCoin token = new BlacklistCoin();
        offerIn(address(token));
        token.setBlocked(CAROL, true);
        refused(abi.encodeWithSelector(BlacklistCoin.Blocked.selector, CAROL));
        buys(DAVE);
        vm.assertTrue(market.isLicensed(DAVE, RELEASE, TERMS));
        vm.assertEq(vault.potOf(SPLIT, token), 35_000_000);
    }

    function test_whereATokenBlocksTheVaultNothingIsSoldInIt() public {
        BlacklistCoin token = new BlacklistCoin();
        offerIn(address(token));
        token.setBlocked(address(vault), true);
        refused(abi.encodeWithSelector(BlacklistCoin.Blocked.selector, vault));
        // For nothing a license is still to be had: no token is asked.
        offer.price = 0;
        bytes32 digest = market.digestToSign(offer);
        (aliceSigned, marketSigned) = (signed(ALICE_KEY, digest), signed(OFFER_KEY, digest));
        buys(CAROL);
        vm.assertEq(market.sales(), 1);
    }

    /// The split has the whole price; what the token takes besides is between it and Carol.
    function test_aTokenThatChargesWhoSendsChargesTheBuyer() public {
        FeeCoin token = new FeeCoin();
        offerIn(address(token));
        token.setFeeOnSender(true);
        buys(CAROL);
        vm.assertEq(token.balanceOf(CAROL), 59_600_000);
        vm.assertEq(token.balanceOf(address(vault)), 40_000_000);
        vm.assertEq(vault.heldOf(token), 40_000_000);
    }

    function test_noTokenAtAllPaysForNothing() public {
        offer = offerOf(alice, 1);
        offer.token = DAVE;
        bytes32 digest = market.digestToSign(offer);
        (aliceSigned, marketSigned) = (signed(ALICE_KEY, digest), signed(OFFER_KEY, digest));
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, DAVE));
        buys(CAROL);
        vm.assertEq(market.sales(), 0);
    }

    /// EIP-2098's 64 bytes, and v as 0 or 1.
    function test_aSignatureHasOneForm() public {
        offerIn(address(coin));
        bytes memory first = aliceSigned;
        (bytes32 r, bytes32 s, uint8 v) = (word(first, 0), word(first, 32), uint8(first[64]));
        bytes memory reason =
            abi.encodeWithSelector(Signatures.NotSignedBy.selector, alice, market.digestToSign(offer));
        aliceSigned = abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        refused(reason);
        aliceSigned = abi.encodePacked(r, s, v - 27);
        refused(reason);
        aliceSigned = first;
        buys(CAROL);
    }
}
