// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {LicenseMarket} from "../src/LicenseMarket.sol";
import {ProvenanceAnchor} from "../src/ProvenanceAnchor.sol";
import {ISplitVault} from "../src/interfaces/ISplitVault.sol";
import {Test} from "../test/Vm.sol";

/// @notice A wallet that agrees to everything (ERC-1271): the proof is about the fee and not about who signs.
contract Agreeing {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

/// @notice The vault and the token at once: keeps what it was told to take.
contract Ledger {
    uint256 public amount;
    uint256 public fee;
    uint256 public moved;

    function transferFrom(address, address, uint256 amount_) external returns (bool) {
        moved = amount_;
        return true;
    }

    function absorb(bytes32, IERC20, uint256 amount_, uint256 fee_) external {
        (amount, fee) = (amount_, fee_);
    }
}

/// @notice The fee of a sale, as the market tells the vault.
contract FeeProofs is Test {
    address internal constant CAROL = address(0xCA);

    LicenseMarket internal market;
    Ledger internal ledger;
    Agreeing internal agreeing;

    function setUp() public {
        vm.warp(1_795_312_800);
        ledger = new Ledger();
        agreeing = new Agreeing();
        market = new LicenseMarket(
            address(0xA0),
            address(0),
            address(agreeing),
            ISplitVault(address(ledger)),
            ProvenanceAnchor(address(0))
        );
    }

    function sold(uint256 price, uint16 feeBps) internal returns (bool done) {
        LicenseMarket.Offer memory offer;
        (offer.licensor, offer.token) = (address(agreeing), address(ledger));
        (offer.price, offer.feeBps) = (price, feeBps);
        offer.deadline = uint64(block.timestamp);
        vm.prank(CAROL);
        (done,) = address(market)
            .call(abi.encodeCall(market.buy, (offer, bytes(""), bytes(""), CAROL, bytes32(0), price)));
    }

    /// Of each price that the vault can hold, at each rate. A quotient of the price times at most 10,000 by 10,000 is
    /// no more than the price; that it is one is what is shown.
    function check_aFeeIsItsPartRoundedDown(uint120 price, uint16 feeBps) public {
        vm.assume(price != 0);
        if (!sold(price, feeBps)) return;
        assert(feeBps <= 10_000);
        assert(ledger.amount() == price && ledger.moved() == price);
        unchecked {
            // 120 bits and 16 bits.
            assert(ledger.fee() == (uint256(price) * feeBps) / 10_000);
        }
    }

    function check_aLicenseForNothingMovesNothing(uint16 feeBps) public {
        assert(sold(0, feeBps) == (feeBps <= 10_000));
        assert(ledger.amount() == 0 && ledger.moved() == 0 && ledger.fee() == 0);
    }

    function check_noRateAboveTheWholeSells(uint256 price, uint16 feeBps) public {
        vm.assume(feeBps > 10_000);
        assert(!sold(price, feeBps));
        assert(ledger.moved() == 0);
    }
}
