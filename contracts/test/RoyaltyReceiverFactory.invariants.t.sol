// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IWrappedCoin, RoyaltyReceiverFactory} from "../src/RoyaltyReceiverFactory.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";
import {WrappedCoin} from "./tokens/WrappedCoin.sol";

/// @notice Plays other marketplaces that pay royalties, sweepers, Dave, guardian and admin, and keeps what was sent to
/// which split. Tokens: 0 a good one, 1 the wrapped coin, 2 one that calls back, 3 one that takes a fee.
contract Roads is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant GUARDIAN = address(0xA2);
    address internal constant DAVE = address(0xDA);
    uint256 public constant SPLITS = 3;
    uint256 public constant TOKENS = 4;

    SplitVault public immutable VAULT;
    RoyaltyReceiverFactory public immutable FACTORY;
    Coin[] public tokens;
    address[] public receivers;
    mapping(uint256 split => mapping(uint256 token => uint256)) public sent;
    mapping(uint256 token => bool) internal listed;
    uint256 public wrongly;
    uint256 public sweeps;

    constructor() {
        VAULT = new SplitVault(ADMIN, GUARDIAN, IPayees(address(0)), address(0));
        WrappedCoin wrapped = new WrappedCoin();
        FACTORY = new RoyaltyReceiverFactory(VAULT, IWrappedCoin(address(wrapped)));
        tokens.push(new Coin(6));
        tokens.push(wrapped);
        tokens.push(new ReentrantCoin());
        tokens.push(new FeeCoin());
        for (uint256 i = 0; i < TOKENS; ++i) {
            list(i, 1);
        }
        for (uint256 i = 0; i < SPLITS; ++i) {
            receivers.push(FACTORY.receiverOf(splitOf(i)));
        }
    }

    function splitOf(uint256 which) public pure returns (bytes32) {
        return keccak256(abi.encode("split", which % SPLITS));
    }

    function pay(uint256 split, uint256 token, uint256 amount) external {
        (split, token, amount) = (split % SPLITS, token % TOKENS, bound(amount, 1, 1e15));
        tokens[token].mint(receivers[split], amount);
        sent[split][token] += amount;
    }

    /// As `transfer` does it, with 2,300 gas, whether something stands there or not.
    function payCoin(uint256 split, uint256 amount) external {
        (split, amount) = (split % SPLITS, bound(amount, 1, 1e18));
        vm.deal(address(this), amount);
        payable(receivers[split]).transfer(amount);
        sent[split][1] += amount;
    }

    function sweep(uint256 split, uint256 token, uint256 hook) external {
        (split, token) = (split % SPLITS, token % TOKENS);
        Coin coin = tokens[token];
        uint256 amount = coin.balanceOf(receivers[split]);
        bool right = amount != 0 && listed[token] && !VAULT.paused();
        // It takes its fee of a hundred and more.
        if (token == 3 && amount >= 100) right = false;
        if (token == 2) {
            ReentrantCoin(address(coin)).setHook(address(0), "");
            if (hook % 3 == 0) {
                // Dave absorbs what has just arrived for his own split: the whole sweep is undone.
                bytes memory theft = abi.encodeCall(VAULT.absorb, (splitOf(split + 1), coin, amount, 0));
                ReentrantCoin(address(coin)).setHook(address(VAULT), theft);
                right = false;
            } else {
                // Sweeping again, the same split or another, in the middle of it.
                bytes memory again = abi.encodeCall(FACTORY.sweep, (splitOf(split + hook % 3), coin));
                ReentrantCoin(address(coin)).setHook(address(FACTORY), again);
            }
        }
        try FACTORY.sweep(splitOf(split), coin) {
            ++sweeps;
            if (!right || coin.balanceOf(receivers[split]) != 0) ++wrongly;
        } catch {
            if (right || coin.balanceOf(receivers[split]) != amount) ++wrongly;
        }
        if (token == 2) ReentrantCoin(address(coin)).setHook(address(0), "");
    }

    function sweepCoin(uint256 split) external {
        split %= SPLITS;
        uint256 amount = receivers[split].balance;
        bool right = amount != 0 && listed[1] && !VAULT.paused();
        try FACTORY.sweepCoin(splitOf(split)) {
            ++sweeps;
            if (!right || receivers[split].balance != 0) ++wrongly;
        } catch {
            if (right || receivers[split].balance != amount) ++wrongly;
        }
    }

    /// Dave asks a receiver to pay him, in the form in which its factory does.
    function dave(uint256 split, uint256 token, bool coin) external {
        (split, token) = (split % SPLITS, token % TOKENS);
        address receiver = receivers[split];
        bytes memory call = coin
            ? abi.encode(DAVE, receiver.balance)
            : abi.encodePacked(
                abi.encode(tokens[token], 0),
                abi.encodeCall(IERC20.transfer, (DAVE, tokens[token].balanceOf(receiver)))
            );
        vm.prank(DAVE);
        (bool done,) = receiver.call(call);
        if (done && receiver.code.length != 0) ++wrongly;
    }

    function list(uint256 token, uint256 accepted) public {
        token %= TOKENS;
        listed[token] = accepted % 4 != 0;
        vm.prank(ADMIN);
        VAULT.listToken(tokens[token], listed[token]);
    }

    function wait(uint256 time, uint256 pause) external {
        vm.warp(block.timestamp + bound(time, 1, 5 days));
        if (pause % 4 != 0) return;
        vm.prank(GUARDIAN);
        try VAULT.pause() {} catch {}
    }
}

contract RoyaltyReceiverFactoryInvariants is Test {
    Roads internal roads;
    SplitVault internal vault;

    function setUp() public {
        vm.warp(1_795_312_800);
        roads = new Roads();
        vault = roads.VAULT();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(roads);
    }

    function invariant_whatIsSentToASplitIsAtItsAddressOrInItsPot() external view {
        vm.assertEq(roads.wrongly(), 0, "swept when it can be, else where it was, and moved by nobody else");
        RoyaltyReceiverFactory factory = roads.FACTORY();
        for (uint256 token = 0; token < roads.TOKENS(); ++token) {
            Coin coin = roads.tokens(token);
            uint256 pots = 0;
            for (uint256 i = 0; i < roads.SPLITS(); ++i) {
                address receiver = roads.receivers(i);
                uint256 pot = vault.potOf(roads.splitOf(i), coin);
                uint256 waits = coin.balanceOf(receiver) + (token == 1 ? receiver.balance : 0);
                vm.assertEq(waits + pot, roads.sent(i, token), "each split's own, to the unit");
                pots += pot;
            }
            vm.assertEq(vault.heldOf(coin), pots, "held");
            vm.assertEq(vault.houseOf(coin), 0, "no fee of a royalty");
            vm.assertEq(coin.balanceOf(address(vault)), pots, "there");
            vm.assertEq(coin.balanceOf(address(factory)), 0, "the factory holds nothing");
        }
        vm.assertEq(address(factory).balance, 0);
    }

    /// The addresses are what they were before anything stood there.
    function afterInvariant() external view {
        for (uint256 i = 0; i < roads.SPLITS(); ++i) {
            vm.assertEq(roads.FACTORY().receiverOf(roads.splitOf(i)), roads.receivers(i));
        }
    }

    function test_theRoadsLeadSomewhere() public {
        for (uint256 token = 0; token < 3; ++token) {
            roads.pay(1, token, 999);
            roads.sweep(1, token, 1);
            vm.assertEq(vault.potOf(roads.splitOf(1), roads.tokens(token)), 1000);
        }
        roads.payCoin(1, 999);
        roads.sweepCoin(1);
        vm.assertEq(vault.potOf(roads.splitOf(1), roads.tokens(1)), 2000);
        vm.assertEq(roads.sweeps(), 4);
        roads.pay(1, 3, 999);
        roads.sweep(1, 3, 0);
        roads.pay(1, 2, 999);
        roads.sweep(1, 2, 0);
        vm.assertEq(roads.sweeps(), 4);
        vm.assertEq(roads.wrongly(), 0);
    }
}
