// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LicenseMarket} from "../src/LicenseMarket.sol";
import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {Signing} from "./Signing.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice A market with its vault and a coin: what tests and invariants share.
abstract contract Offers is Signing {
    address internal constant ADMIN = address(0xAD);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant CAROL = address(0xCA);
    address internal constant DAVE = address(0xDA);
    uint256 internal constant OFFER_KEY = 0x0FFE2;

    bytes32 internal constant RELEASE = keccak256("Harbour at night, 1.0.0");
    bytes32 internal constant TERMS = keccak256("the terms");
    bytes32 internal constant SPLIT = keccak256("the split");
    bytes32 internal constant COMMITMENT = keccak256("Carol, salted");

    ProvenanceAnchor internal book;
    SplitVault internal vault;
    LicenseMarket internal market;
    Coin internal coin;

    function openMarket() internal {
        vm.warp(1_795_312_800);
        book = new ProvenanceAnchor(address(this), address(this));
        vault = new SplitVault(ADMIN, GUARDIAN, IPayees(address(0)), address(0));
        market = new LicenseMarket(ADMIN, GUARDIAN, vm.addr(OFFER_KEY), vault, book);
        coin = new Coin(6);
        vm.prank(ADMIN);
        vault.listToken(coin, true);
    }

    /// 40.00 for any number of licenses, 12.5 % of it the house's, for a week from now.
    function offerOf(address licensor, uint256 nonce) internal view returns (LicenseMarket.Offer memory) {
        return LicenseMarket.Offer({
            id: bytes16(keccak256(abi.encode("offer", licensor, nonce))),
            licensor: licensor,
            release: RELEASE,
            terms: TERMS,
            split: SPLIT,
            token: address(coin),
            price: 40_000_000,
            feeBps: 1250,
            supply: 0,
            notBefore: uint64(block.timestamp),
            deadline: uint64(block.timestamp + 7 days),
            nonce: nonce
        });
    }

    function fund(address buyer, uint256 amount) internal {
        coin.mint(buyer, amount);
        vm.prank(buyer);
        coin.approve(address(market), amount);
    }
}
