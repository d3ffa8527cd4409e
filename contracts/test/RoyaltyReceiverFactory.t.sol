// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IWrappedCoin, RoyaltyReceiver, RoyaltyReceiverFactory} from "../src/RoyaltyReceiverFactory.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {IPayees} from "../src/interfaces/IPayees.sol";
import {ISplitVault} from "../src/interfaces/ISplitVault.sol";
import {Test} from "./Vm.sol";
import {Coin} from "./tokens/Coin.sol";
import {FalseCoin} from "./tokens/FalseCoin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {NoReturnCoin} from "./tokens/NoReturnCoin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";
import {WrappedCoin} from "./tokens/WrappedCoin.sol";

contract RoyaltyReceiverFactoryTest is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant GUARDIAN = address(0xA2);
    address internal constant DAVE = address(0xDA);
    bytes32 internal constant SPLIT = 0xc111748c4790cb569fbf65ddda187f51b6d948101322817b3ebe0fd637e40401;
    bytes32 internal constant OTHER = bytes32(uint256(1));

    SplitVault internal vault;
    RoyaltyReceiverFactory internal factory;
    Coin internal coin;
    WrappedCoin internal wrapped;
    address internal receiver;

    function setUp() public {
        vm.warp(1_795_312_800);
        vault = new SplitVault(ADMIN, GUARDIAN, IPayees(address(0)), address(0));
        wrapped = new WrappedCoin();
        factory = new RoyaltyReceiverFactory(vault, IWrappedCoin(address(wrapped)));
        coin = new Coin(6);
        list(address(coin));
        list(address(wrapped));
        receiver = factory.receiverOf(SPLIT);
    }

    function list(address token) internal {
        vm.prank(ADMIN);
        vault.listToken(IERC20(token), true);
    }

    function test_royaltiesReachTheSplitBeforeAndAfterAnythingStandsThere() public {
        vm.assertEq(receiver.code.length, 0);
        coin.mint(receiver, 100);
        vm.expectEmit();
        emit RoyaltyReceiverFactory.ReceiverMade(SPLIT, receiver);
        vm.expectEmit();
        emit RoyaltyReceiverFactory.Swept(SPLIT, coin, 100);
        vm.prank(DAVE);
        factory.sweep(SPLIT, coin);
        vm.assertTrue(receiver.code.length != 0);
        vm.assertEq(factory.receiverOf(SPLIT), receiver);
        vm.assertEq(vault.potOf(SPLIT, coin), 100);
        vm.assertEq(vault.houseOf(coin), 0);
        coin.mint(receiver, 11);
        factory.sweep(SPLIT, coin);
        vm.assertEq(vault.potOf(SPLIT, coin), 111);
        vm.assertEq(coin.balanceOf(receiver), 0);
    }

    function test_eachSplitHasAnAddressOfItsOwn() public {
        vm.assertTrue(factory.receiverOf(OTHER) != receiver);
        coin.mint(receiver, 100);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyReceiverFactory.NothingToSweep.selector, OTHER));
        factory.sweep(OTHER, coin);
        vm.assertEq(coin.balanceOf(receiver), 100);
    }

    function test_coinIsWrappedOnItsWay() public {
        vm.deal(receiver, 2 ether);
        factory.sweepCoin(SPLIT);
        vm.assertEq(receiver.balance, 0);
        vm.assertEq(vault.potOf(SPLIT, wrapped), 2 ether);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyReceiverFactory.NothingToSweep.selector, SPLIT));
        factory.sweepCoin(SPLIT);
    }

    function test_coinCanBeSentByTransferAfterTheFirstSweep() public {
        vm.deal(receiver, 1);
        factory.sweepCoin(SPLIT);
        vm.deal(address(this), 1 ether);
        // `transfer` gives 2,300 gas.
        payable(receiver).transfer(1 ether);
        factory.sweepCoin(SPLIT);
        vm.assertEq(vault.potOf(SPLIT, wrapped), 1 ether + 1);
    }

    function test_nobodyElseMovesWhatIsThere() public {
        coin.mint(receiver, 1);
        factory.sweep(SPLIT, coin);
        coin.mint(receiver, 100);
        bytes memory transfer = abi.encodeCall(IERC20.transfer, (DAVE, 100));
        vm.prank(DAVE);
        (bool done, bytes memory answer) =
            receiver.call(abi.encodePacked(abi.encode(address(coin), 0), transfer));
        vm.assertFalse(done);
        vm.assertEq(
            keccak256(answer), keccak256(abi.encodeWithSelector(RoyaltyReceiver.NotFactory.selector, DAVE))
        );
        vm.assertEq(coin.balanceOf(receiver), 100);
    }

    function test_aTokenThatTheVaultDoesNotTakeWaitsUntilItDoes() public {
        Coin other = new Coin(6);
        other.mint(receiver, 100);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.TokenNotAccepted.selector, other));
        factory.sweep(SPLIT, other);
        vm.assertEq(other.balanceOf(receiver), 100);
        list(address(other));
        factory.sweep(SPLIT, other);
        vm.assertEq(vault.potOf(SPLIT, other), 100);
    }

    function test_duringAPauseRoyaltiesWait() public {
        coin.mint(receiver, 100);
        vm.prank(GUARDIAN);
        vault.pause();
        vm.expectRevert();
        factory.sweep(SPLIT, coin);
        vm.assertEq(coin.balanceOf(receiver), 100);
        vm.warp(block.timestamp + 7 days);
        factory.sweep(SPLIT, coin);
        vm.assertEq(vault.potOf(SPLIT, coin), 100);
    }

    function test_aFactoryWithoutAVaultOrAWrappedCoinIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(RoyaltyReceiverFactory.NotAContract.selector, DAVE));
        new RoyaltyReceiverFactory(ISplitVault(DAVE), IWrappedCoin(address(wrapped)));
        vm.expectRevert(abi.encodeWithSelector(RoyaltyReceiverFactory.NotAContract.selector, address(0)));
        new RoyaltyReceiverFactory(vault, IWrappedCoin(address(0)));
    }

    function test_aTokenThatAnswersNothingIsSwept() public {
        NoReturnCoin token = new NoReturnCoin();
        list(address(token));
        token.mint(receiver, 100);
        factory.sweep(SPLIT, IERC20(address(token)));
        vm.assertEq(vault.potOf(SPLIT, IERC20(address(token))), 100);
    }

    function test_aTokenThatAnswersFalseOrTakesAFeeStaysWhereItIs() public {
        FalseCoin no = new FalseCoin();
        list(address(no));
        no.mint(receiver, 100);
        no.setRefusing(true);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, no, 100));
        factory.sweep(SPLIT, no);
        vm.assertEq(no.balanceOf(receiver), 100);
        FeeCoin fee = new FeeCoin();
        list(address(fee));
        fee.mint(receiver, 100);
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, fee, 100));
        factory.sweep(SPLIT, fee);
        vm.assertEq(fee.balanceOf(receiver), 100);
    }

    function test_aTokenThatCallsBackCannotTakeTheRoyaltyForAnotherSplit() public {
        ReentrantCoin token = new ReentrantCoin();
        list(address(token));
        token.mint(receiver, 100);
        token.setHook(address(vault), abi.encodeCall(vault.absorb, (OTHER, token, 100, 0)));
        vm.expectRevert(abi.encodeWithSelector(SplitVault.NotReceived.selector, token, 100));
        factory.sweep(SPLIT, token);
        vm.assertEq(vault.potOf(OTHER, token), 0);
        vm.assertEq(token.balanceOf(receiver), 100);
    }

    function testFuzz_whatIsSentToASplitIsTheSplits(bytes32 split, uint120 tokens, uint96 native) public {
        address where = factory.receiverOf(split);
        vm.assume(where.code.length == 0 && where.balance == 0);
        tokens = uint120(bound(tokens, 1, type(uint120).max));
        native = uint96(bound(native, 1, type(uint96).max));
        coin.mint(where, tokens);
        vm.deal(where, native);
        factory.sweepCoin(split);
        factory.sweep(split, coin);
        vm.assertEq(vault.potOf(split, coin), tokens);
        vm.assertEq(vault.potOf(split, wrapped), native);
    }
}
