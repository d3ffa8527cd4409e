// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";

/// @notice Plays buyers, payees, relayers, admin and guardian, and keeps its own books of what went in and out.
/// What must work is called plainly, so that a revert fails the run: dividing and withdrawing, paused or not.
contract Bazaar is Test, IPayees {
    address public constant ADMIN = address(0xA0);
    address public constant GUARDIAN = address(0xA2);
    address public constant TREASURY = address(0xA3);
    address public constant BUYER = address(0xCA);
    uint256 public constant PEOPLE = 6;

    SplitVault public immutable VAULT;
    Coin[] public coins;
    bytes32[] public splits;
    mapping(bytes32 split => bytes16[]) internal payeesOf;
    mapping(bytes32 split => uint32[]) internal sharesOf;

    mapping(Coin token => uint256) public came;
    mapping(Coin token => uint256) public went;
    mapping(uint256 person => uint256) public noncesUsed;
    uint256 public replaysLetIn;
    uint256 public pausedExits;

    constructor() {
        VAULT = new SplitVault(ADMIN, GUARDIAN, this, TREASURY);
        coins.push(new Coin(6));
        coins.push(new ReentrantCoin());
        for (uint256 i = 0; i < coins.length; ++i) {
            vm.prank(ADMIN);
            VAULT.listToken(coins[i], true);
            vm.prank(BUYER);
            coins[i].approve(address(VAULT), type(uint256).max);
        }
        for (uint256 count = 1; count <= PEOPLE; ++count) {
            bytes16[] memory payees = new bytes16[](count);
            uint32[] memory shares = new uint32[](count);
            uint256 left = 1_000_000_000;
            for (uint256 i = 0; i < count; ++i) {
                payees[i] = payee(i);
                shares[i] = uint32(i + 1 == count ? left : 1_000_000_000 / (count + i + 1));
                left -= shares[i];
            }
            bytes32 split = VAULT.splitOf(payees, shares);
            splits.push(split);
            payeesOf[split] = payees;
            sharesOf[split] = shares;
        }
    }

    function payee(uint256 person) public pure returns (bytes16) {
        return bytes16(uint128(person + 1) << 64);
    }

    function key(uint256 person) internal pure returns (uint256) {
        return 0xBEEF + person;
    }

    /// The vault asks who is paid: everybody has a wallet here.
    function walletOf(bytes16 who) external pure returns (address) {
        return vm.addr(key((uint128(who) >> 64) - 1));
    }

    function counts() external view returns (uint256, uint256) {
        return (coins.length, splits.length);
    }

    function pay(uint256 which, uint256 to, uint256 amount) external {
        (Coin token, bytes32 split) = (coins[which % coins.length], splits[to % splits.length]);
        amount = bound(amount, 1, 1e15);
        token.mint(BUYER, amount);
        vm.prank(BUYER);
        try VAULT.pay(split, token, amount) {
            came[token] += amount;
        } catch {}
    }

    function sendAndAbsorb(uint256 which, uint256 to, uint256 amount, uint256 fee, uint256 more) external {
        (Coin token, bytes32 split) = (coins[which % coins.length], splits[to % splits.length]);
        amount = bound(amount, 1, 1e15);
        token.mint(address(VAULT), amount);
        // Sometimes it asks for more than it has sent.
        uint256 asked = more % 4 == 0 ? amount + more % 1e16 : amount;
        try VAULT.absorb(split, token, asked, bound(fee, 0, amount)) {
            came[token] += asked;
        } catch {}
    }

    function distribute(uint256 which, uint256 to) external {
        (Coin token, bytes32 split) = (coins[which % coins.length], splits[to % splits.length]);
        if (VAULT.potOf(split, token) == 0) return;
        VAULT.distribute(payeesOf[split], sharesOf[split], token);
        if (VAULT.paused()) pausedExits++;
    }

    function withdraw(uint256 which, uint256 person, uint256 hook) external {
        Coin token = coins[which % coins.length];
        bytes16 who = payee(person % PEOPLE);
        uint256 balance = VAULT.balanceOf(who, token);
        if (balance == 0) return;
        if (which % coins.length == 1) {
            bytes memory data = hook % 2 == 0
                ? abi.encodeCall(VAULT.withdraw, (who, token))
                : abi.encodeCall(VAULT.absorb, (splits[0], token, balance, 0));
            ReentrantCoin(address(token)).setHook(address(VAULT), data);
        }
        VAULT.withdraw(who, token);
        went[token] += balance;
        if (VAULT.paused()) pausedExits++;
    }

    function withdrawWithSig(uint256 which, uint256 person, uint256 amount, uint256 replay) external {
        Coin token = coins[which % coins.length];
        person %= PEOPLE;
        bytes16 who = payee(person);
        uint256 balance = VAULT.balanceOf(who, token);
        if (balance == 0) return;
        amount = bound(amount, 1, balance);
        uint256 nonce = VAULT.nonceOf(who);
        bytes32 body = keccak256(
            abi.encode(VAULT.WITHDRAW_TYPEHASH(), who, token, TREASURY, amount, nonce, block.timestamp)
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key(person), keccak256(abi.encodePacked(hex"1901", VAULT.domainSeparator(), body)));
        bytes memory signature = abi.encodePacked(r, s, v);
        VAULT.withdrawWithSig(who, token, TREASURY, amount, nonce, block.timestamp, signature);
        went[token] += amount;
        noncesUsed[person]++;
        if (replay % 2 == 0) return;
        try VAULT.withdrawWithSig(who, token, TREASURY, amount, nonce, block.timestamp, signature) {
            replaysLetIn++;
        } catch {}
    }

    function withdrawHouse(uint256 which) external {
        Coin token = coins[which % coins.length];
        uint256 amount = VAULT.houseOf(token);
        if (amount == 0) return;
        VAULT.withdrawHouse(token);
        went[token] += amount;
    }

    function give(uint256 which, uint256 amount) external {
        coins[which % coins.length].mint(address(VAULT), bound(amount, 1, 1e15));
    }

    function pause(uint256 end) external {
        vm.startPrank(GUARDIAN);
        if (end % 3 == 0) {
            try VAULT.unpause() {} catch {}
        } else {
            try VAULT.pause() {} catch {}
        }
        vm.stopPrank();
    }

    function list(uint256 which, uint256 accepted) external {
        vm.prank(ADMIN);
        VAULT.listToken(coins[which % coins.length], accepted % 4 != 0);
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 5 days));
    }
}

contract SplitVaultInvariants is Test {
    Bazaar internal bazaar;
    SplitVault internal vault;

    function setUp() public {
        vm.warp(1_795_312_800);
        bazaar = new Bazaar();
        vault = bazaar.VAULT();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(bazaar);
    }

    /// One campaign for both: each invariant has one of its own, and the same calls in it.
    function invariant_theVaultHasAllThatItOwesAndOwesAllThatCameAndDidNotGo() external view {
        eachNonceCountsOnce();
        (uint256 coins, uint256 splits) = bazaar.counts();
        for (uint256 i = 0; i < coins; ++i) {
            Coin token = bazaar.coins(i);
            uint256 owed = vault.houseOf(token);
            for (uint256 k = 0; k < splits; ++k) {
                owed += vault.potOf(bazaar.splits(k), token);
            }
            for (uint256 k = 0; k < bazaar.PEOPLE(); ++k) {
                owed += vault.balanceOf(bazaar.payee(k), token);
            }
            vm.assertEq(vault.heldOf(token), owed, "held is the sum of pots, balances and the house's part");
            vm.assertGe(token.balanceOf(address(vault)), owed, "solvent");
            vm.assertEq(bazaar.came(token), bazaar.went(token) + owed, "in = out + held");
        }
    }

    function eachNonceCountsOnce() internal view {
        vm.assertEq(bazaar.replaysLetIn(), 0, "replays");
        for (uint256 k = 0; k < bazaar.PEOPLE(); ++k) {
            vm.assertEq(vault.nonceOf(bazaar.payee(k)), bazaar.noncesUsed(k), "nonces");
        }
    }
}
