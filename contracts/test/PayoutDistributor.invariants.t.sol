// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PayoutDistributor} from "../src/PayoutDistributor.sol";
import {ReferencePayoutTree} from "./ReferencePayoutTree.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice Plays settler, guardian, admin, strangers and seven accounts, and keeps its own list of what each was given.
/// What must work is called plainly, so that a revert fails the run: claiming what is due, paused or not.
contract Payday is Test {
    address public constant ADMIN = address(0xA0);
    address public constant SETTLER = address(0xA1);
    address public constant GUARDIAN = address(0xA2);
    uint256 public constant PEOPLE = 7;

    PayoutDistributor public immutable BOOK;
    Coin public immutable COIN;

    uint256[7] public active;
    uint256[7] public pending;
    uint256[7] public paid;
    uint256 public activeFrom;
    uint256 public funded;
    uint256 public strangersLetIn;
    uint256 public overpaid;
    uint256 public fell;

    /// Whatever is called, what an account was paid never falls.
    modifier watched() {
        uint256[7] memory before = paidNow();
        _;
        uint256[7] memory afterwards = paidNow();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            if (afterwards[i] < before[i]) fell++;
        }
    }

    constructor() {
        BOOK = new PayoutDistributor(ADMIN, GUARDIAN, SETTLER);
        COIN = new Coin(6);
        vm.prank(SETTLER);
        COIN.approve(address(BOOK), type(uint256).max);
    }

    function account(uint256 who) public pure returns (address) {
        return address(uint160(0xACC0 + who));
    }

    function paidNow() internal view returns (uint256[7] memory found) {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            found[i] = BOOK.paidTo(COIN, account(i));
        }
    }

    function turn() internal {
        if (activeFrom != 0 && block.timestamp >= activeFrom) {
            active = pending;
            activeFrom = 0;
        }
    }

    function leaves(uint256[7] memory given) internal view returns (bytes32[] memory found) {
        found = new bytes32[](PEOPLE);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            found[i] = BOOK.leafOf(COIN, account(i), given[i]);
        }
    }

    function settle(uint256[7] calldata more, uint256 who) external watched {
        turn();
        uint256[7] memory next = active;
        uint256 total = 0;
        for (uint256 i = 0; i < PEOPLE; ++i) {
            next[i] += more[i] % 3 == 0 ? 0 : bound(more[i], 0, 1e12);
            total += next[i];
        }
        // What was paid for a vetoed root is somebody's now.
        if (total < funded) (next[0], total) = (next[0] + funded - total, funded);
        bytes32 root = ReferencePayoutTree.root(leaves(next));
        COIN.mint(SETTLER, total - funded);
        address sender = who % 8 == 0 ? account(who % PEOPLE) : SETTLER;
        vm.prank(sender);
        try BOOK.proposePayouts(COIN, total, root) {
            if (sender != SETTLER) strangersLetIn++;
            pending = next;
            activeFrom = block.timestamp + 24 hours;
            funded = total;
        } catch {}
    }

    function veto(uint256 who) external watched {
        turn();
        address sender = who % 3 == 0 ? account(who % PEOPLE) : GUARDIAN;
        vm.prank(sender);
        try BOOK.veto(COIN) {
            if (sender != GUARDIAN) strangersLetIn++;
            activeFrom = 0;
        } catch {}
    }

    function claim(uint256 who) external watched {
        turn();
        who %= PEOPLE;
        bytes32[] memory proof = ReferencePayoutTree.proof(leaves(active), who);
        if (active[who] <= paid[who]) return;
        BOOK.claim(account(who), active[who], proof, COIN);
        paid[who] = active[who];
    }

    function claimAll() external watched {
        turn();
        PayoutDistributor.Claim[] memory claims = new PayoutDistributor.Claim[](PEOPLE);
        bytes32[] memory all = leaves(active);
        if (BOOK.statusOf(COIN).root == 0) return;
        for (uint256 i = 0; i < PEOPLE; ++i) {
            claims[i] = PayoutDistributor.Claim(account(i), active[i], ReferencePayoutTree.proof(all, i));
            paid[i] = active[i] > paid[i] ? active[i] : paid[i];
        }
        BOOK.claimMany(COIN, claims);
    }

    function claimMore(uint256 who, uint256 more) external watched {
        turn();
        who %= PEOPLE;
        uint256 asked = active[who] + bound(more, 1, 1e12);
        try BOOK.claim(account(who), asked, ReferencePayoutTree.proof(leaves(active), who), COIN) {
            overpaid++;
        } catch {}
    }

    function claimEarly(uint256 who) external watched {
        turn();
        if (activeFrom == 0) return;
        who %= PEOPLE;
        if (pending[who] == active[who]) return;
        try BOOK.claim(account(who), pending[who], ReferencePayoutTree.proof(leaves(pending), who), COIN) {
            overpaid++;
        } catch {}
    }

    function pause(uint256 end) external watched {
        vm.startPrank(GUARDIAN);
        if (end % 2 == 0) {
            try BOOK.unpause() {} catch {}
        } else {
            try BOOK.pause() {} catch {}
        }
        vm.stopPrank();
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 days));
    }
}

contract PayoutDistributorInvariants is Test {
    Payday internal payday;
    PayoutDistributor internal book;
    Coin internal coin;

    function setUp() public {
        vm.warp(1_795_312_800);
        payday = new Payday();
        book = payday.BOOK();
        coin = payday.COIN();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(payday);
    }

    /// One campaign for both: each invariant has one of its own, and the same calls in it.
    function invariant_whatIsOwedIsThereAndNobodyIsPaidMoreThanGiven() external view {
        nobodyActsOutOfRoleOrBeforeTheTime();
        uint256 paid = 0;
        uint256 owed = 0;
        for (uint256 i = 0; i < payday.PEOPLE(); ++i) {
            uint256 got = coin.balanceOf(payday.account(i));
            vm.assertEq(got, payday.paid(i), "paid");
            vm.assertEq(got, book.paidTo(coin, payday.account(i)), "paid, as the contract says");
            paid += got;
            bool due = payday.activeFrom() != 0 && block.timestamp >= payday.activeFrom();
            uint256 given = due ? payday.pending(i) : payday.active(i);
            vm.assertLe(got, given, "paid <= given");
            owed += given - got;
        }
        vm.assertLe(paid, payday.funded(), "sum paid <= funded");
        vm.assertEq(coin.balanceOf(address(book)) + paid, payday.funded(), "in = out + held");
        vm.assertGe(coin.balanceOf(address(book)), owed, "solvent");
        vm.assertEq(book.statusOf(coin).funded, payday.funded(), "funded");
    }

    function nobodyActsOutOfRoleOrBeforeTheTime() internal view {
        vm.assertEq(payday.strangersLetIn(), 0, "strangers");
        vm.assertEq(payday.overpaid(), 0, "claims that are not due");
        vm.assertEq(payday.fell(), 0, "paid is monotone");
    }
}
