// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AssetToken} from "../src/AssetToken.sol";
import {LicenseMarket} from "../src/LicenseMarket.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {Rfc6962} from "../src/Rfc6962.sol";
import {RoyaltyReceiverFactory, IWrappedCoin} from "../src/RoyaltyReceiverFactory.sol";
import {Offers} from "./Offers.sol";

/// @notice What a token and a license cost as transactions of their own, data and all; kept in snapshots/.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract GasRightsTest is Offers {
    AssetToken internal tokens;
    uint256 internal constant BOB_KEY = 0xB0B;

    function setUp() public {
        openMarket();
        tokens = new AssetToken(
            ADMIN,
            GUARDIAN,
            address(0),
            book,
            new RoyaltyReceiverFactory(vault, IWrappedCoin(address(coin))),
            "https://w.example/"
        );
        fund(CAROL, 1_000_000_000);
        fund(DAVE, 1_000_000_000);
    }

    function entryOf(bytes32 release) internal pure returns (LogEntry.AssetToken memory) {
        return LogEntry.AssetToken(
            release, SPLIT, vm.addr(BOB_KEY), 500, bytes16(keccak256("entry")), "2026-11-22T02:05:56Z"
        );
    }

    /// In a log of a million entries, of which these two stand side by side.
    function materialize(LogEntry.AssetToken memory entry, bytes32 beside, uint64 index, bool anchor)
        internal
    {
        bytes32 leaf = tokens.leafOf(entry);
        bytes32 root = leaf;
        bytes32[] memory proof = new bytes32[](20);
        for (uint256 i = 0; i < 20; ++i) {
            bytes32 other = i == 0 ? beside : keccak256(abi.encode(i));
            proof[i] = other;
            root = (index >> i) & 1 == 1 ? Rfc6962.hashPair(other, root) : Rfc6962.hashPair(root, other);
        }
        if (anchor) book.anchor(root, 1 << 20, 0);
        bytes memory signature = signed(BOB_KEY, tokens.digestToSign(leaf));
        vm.prank(DAVE);
        tokens.materialize(entry, root, index, proof, signature);
    }

    function test_materialize() public {
        LogEntry.AssetToken memory first = entryOf(keccak256("first release"));
        LogEntry.AssetToken memory second = entryOf(keccak256("second release"));
        materialize(first, tokens.leafOf(second), 0xABCDE, true);
        uint256 gas = vm.snapshotGasLastCall("rights", "materialize");
        vm.assertLe(gas, 140_000, "materialize costs too much");
        materialize(second, tokens.leafOf(first), 0xABCDF, false);
        vm.snapshotGasLastCall("rights", "materialize-same-owner");
    }

    function sell(LicenseMarket.Offer memory offer, address buyer) internal {
        bytes32 digest = market.digestToSign(offer);
        bytes memory licensor = signed(ALICE_KEY, digest);
        bytes memory house = signed(OFFER_KEY, digest);
        vm.prank(buyer);
        market.buy(offer, licensor, house, buyer, COMMITMENT, offer.price);
    }

    function test_aLicenseForANewBuyer() public {
        LicenseMarket.Offer memory offer = offerOf(vm.addr(ALICE_KEY), 1);
        sell(offer, CAROL);
        vm.snapshotGasLastCall("rights", "license-sale-first");
        sell(offer, DAVE);
        uint256 gas = vm.snapshotGasLastCall("rights", "license-sale");
        vm.assertLe(gas, 120_000, "a license sale costs too much");
        sell(offer, DAVE);
        vm.snapshotGasLastCall("rights", "license-sale-same-buyer");
    }

    function test_aLicenseOfALimitedSupply() public {
        LicenseMarket.Offer memory offer = offerOf(vm.addr(ALICE_KEY), 1);
        offer.supply = 100;
        sell(offer, CAROL);
        sell(offer, DAVE);
        uint256 gas = vm.snapshotGasLastCall("rights", "license-sale-limited");
        vm.assertLe(gas, 120_000, "a license sale costs too much");
    }
}
