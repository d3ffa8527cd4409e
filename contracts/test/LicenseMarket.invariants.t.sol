// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LicenseMarket} from "../src/LicenseMarket.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {Offers} from "./Offers.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice Licensors, buyers, the marketplace's keys and thieves; keeps what was sold and what it brought.
contract Fair is Offers {
    uint256 internal constant LICENSORS = 3;
    uint256 public constant NONCES = 12;

    uint256 public sold;
    uint256 public paid;
    uint256 public fees;
    uint256 public wrongly;
    bool public houseIsOut;
    mapping(address licensor => mapping(uint256 nonce => bool)) public closed;
    mapping(address licensor => mapping(uint256 nonce => uint256)) public counted;
    mapping(address licensee => mapping(bytes32 terms => uint256)) public held;

    constructor() {
        openMarket();
        for (uint256 i = 0; i < 3; ++i) {
            coin.mint(buyer(i), 1e30);
            vm.prank(buyer(i));
            coin.approve(address(market), type(uint256).max);
        }
    }

    function parts() external view returns (LicenseMarket, SplitVault, Coin) {
        return (market, vault, coin);
    }

    function licensorKey(uint256 seed) public pure returns (uint256) {
        return 0xA11CE + seed % LICENSORS;
    }

    function licensor(uint256 seed) public pure returns (address) {
        return vm.addr(licensorKey(seed));
    }

    function buyer(uint256 seed) public pure returns (address) {
        return address(uint160(0xCA0 + seed % 3));
    }

    function termsOf(uint256 seed) public pure returns (bytes32) {
        return bytes32(1 + seed % 2);
    }

    function offered(uint256 seed, uint256 price, uint256 feeBps)
        internal
        view
        returns (LicenseMarket.Offer memory offer)
    {
        offer = offerOf(licensor(seed), (seed >> 8) % NONCES);
        offer.terms = termsOf(seed >> 16);
        offer.price = bound(price, 0, 1e9);
        offer.feeBps = uint16(bound(feeBps, 0, 10_001));
        // Unlimited, or few.
        offer.supply = uint32((seed >> 24) % 4);
        offer.deadline = uint64(block.timestamp + (seed >> 32) % 3);
        offer.notBefore = uint64(block.timestamp + (seed >> 40) % 8 / 7);
    }

    /// Somebody buys, with the right signatures or, one time in four, with another's.
    function buy(uint256 seed, uint256 price, uint256 feeBps, uint256 who, uint256 forge) external {
        LicenseMarket.Offer memory offer = offered(seed, price, feeBps);
        bytes32 digest = market.digestToSign(offer);
        bool bent = forge % 4 == 0;
        bytes memory first = signed(bent ? licensorKey(seed % 3 + 1) : licensorKey(seed), digest);
        bytes memory second = signed(forge % 5 == 0 ? DAVE_KEY : OFFER_KEY, digest);
        uint256 already = counted[offer.licensor][offer.nonce];
        bool right = !bent && forge % 5 != 0 && !houseIsOut && !market.paused() && offer.feeBps <= 10_000
            && !closed[offer.licensor][offer.nonce] && (offer.supply == 0 || already < offer.supply)
            && offer.notBefore <= block.timestamp;
        address licensee = buyer(who % 3 + 1);
        vm.prank(buyer(who));
        try market.buy(offer, first, second, licensee, 0, offer.price) returns (uint32 seq) {
            ++sold;
            if (!right || seq != sold) ++wrongly;
            paid += offer.price;
            fees += offer.price * offer.feeBps / 10_000;
            ++held[licensee][offer.terms];
            if (offer.supply != 0) ++counted[offer.licensor][offer.nonce];
        } catch {
            if (right) ++wrongly;
        }
    }

    /// Always possible, paused or not.
    function cancel(uint256 seed) external {
        uint256 nonce = (seed >> 8) % NONCES;
        // Seldom, so that something is left to buy.
        if (seed % 5 != 0) return;
        closed[licensor(seed)][nonce] = true;
        vm.prank(licensor(seed));
        market.cancel(nonce);
    }

    function withdrawOffer(uint256 seed, bool key) external {
        uint256 nonce = (seed >> 8) % NONCES;
        if (seed % 5 != 0) return;
        vm.prank(key ? vm.addr(OFFER_KEY) : DAVE);
        try market.withdrawOffer(licensor(seed), nonce) {
            if (!key || houseIsOut) ++wrongly;
            closed[licensor(seed)][nonce] = true;
        } catch {
            if (key && !houseIsOut) ++wrongly;
        }
    }

    function turnKey(uint256 seed) external {
        houseIsOut = seed % 3 == 0;
        vm.prank(ADMIN);
        market.setOfferKey(houseIsOut ? address(0) : vm.addr(OFFER_KEY));
    }

    function wait(uint256 time, uint256 pause) external {
        vm.warp(block.timestamp + bound(time, 0, 3 days));
        if (pause % 4 != 0) return;
        vm.prank(GUARDIAN);
        try market.pause() {} catch {}
    }
}

contract LicenseMarketInvariants is Offers {
    Fair internal fair;

    function setUp() public {
        vm.warp(1_795_312_800);
        fair = new Fair();
        (market, vault, coin) = fair.parts();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(fair);
    }

    function invariant_whatBuyersPaidIsInTheVault() external view {
        vm.assertEq(fair.wrongly(), 0, "no sale without both signatures, none twice, none barred");
        vm.assertEq(market.sales(), fair.sold(), "numbered without a gap");
        vm.assertEq(coin.balanceOf(address(market)), 0, "the market holds nothing");
        vm.assertEq(coin.balanceOf(address(vault)), fair.paid(), "in");
        vm.assertEq(vault.heldOf(coin), fair.paid(), "held");
        vm.assertEq(vault.houseOf(coin), fair.fees(), "the house's");
        vm.assertEq(vault.potOf(SPLIT, coin), fair.paid() - fair.fees(), "the split's");
    }

    /// forge calls this after each run: receipts and nonces as their history made them.
    function afterInvariant() external view {
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 j = 0; j < 2; ++j) {
                bytes32 terms = fair.termsOf(j);
                address who = fair.buyer(i);
                vm.assertEq(market.receiptOf(who, RELEASE, terms).licenses, fair.held(who, terms));
                vm.assertTrue(market.isLicensed(who, RELEASE, terms) == (fair.held(who, terms) != 0));
            }
            for (uint256 j = 0; j < fair.NONCES(); ++j) {
                LicenseMarket.Nonce memory nonce = market.nonceOf(fair.licensor(i), j);
                vm.assertEq(nonce.sold, fair.counted(fair.licensor(i), j));
                vm.assertTrue(nonce.closed == fair.closed(fair.licensor(i), j));
            }
        }
    }

    /// What the fair plays does sell: three of a supply of three, and no fourth.
    function test_theFairSells() public {
        for (uint256 i = 0; i < 4; ++i) {
            fair.buy(3 << 24, 100, 1250, i, 1);
        }
        vm.assertEq(fair.sold(), 3);
        vm.assertEq(fair.paid(), 300);
        vm.assertEq(fair.fees(), 36);
        vm.assertEq(fair.wrongly(), 0);
    }
}
