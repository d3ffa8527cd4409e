// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Payees} from "../src/Payees.sol";
import {Signatures} from "../src/Signatures.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {Releases} from "./Releases.sol";
import {Coin} from "./tokens/Coin.sol";
import {ContractWallet} from "./tokens/ContractWallet.sol";

/// @notice Signatures in forms that are not theirs, for other things than they were given for, and a second time.
/// Alice's wallet is bound to her, and a recovery to Bob's wallet, or a move, or a withdrawal is about to happen.
contract ForgeriesTest is Releases {
    address internal constant REGISTRAR = address(0xA1);
    bytes16 internal constant ALICE = 0x1c9e2b346f0d4e218a775b1d6f2e9c02;
    uint256 internal constant BOB_KEY = 0xB0B;
    uint256 internal constant START = 1_795_312_800;
    uint256 internal constant DEADLINE = START + 30 days;

    Payees internal payees;
    SplitVault internal vault;
    Coin internal coin;
    address internal alice;
    address internal bob;

    function setUp() public {
        beginLog();
        payees = new Payees(ADMIN, REGISTRAR, GUARDIAN);
        vault = new SplitVault(ADMIN, GUARDIAN, payees, address(0));
        coin = new Coin(6);
        vm.prank(ADMIN);
        vault.listToken(coin, true);
        (alice, bob) = (vm.addr(ALICE_KEY), vm.addr(BOB_KEY));
        bytes memory signature =
            hand(ALICE_KEY, abi.encode(payees.BIND_TYPEHASH(), ALICE, alice, 0, DEADLINE));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, alice, DEADLINE, signature);
        vm.warp(START + 1 days);
    }

    function hand(uint256 key, bytes memory body) internal view returns (bytes memory) {
        return signed(key, keccak256(abi.encodePacked(hex"1901", payees.domainSeparator(), keccak256(body))));
    }

    function moveBody(uint256 nonce) internal view returns (bytes memory) {
        return abi.encode(payees.MOVE_TYPEHASH(), ALICE, alice, bob, nonce, DEADLINE);
    }

    function recoverBody(uint256 nonce) internal view returns (bytes memory) {
        return abi.encode(payees.RECOVER_TYPEHASH(), ALICE, alice, bob, nonce, DEADLINE);
    }

    function vetoBody(uint256 nonce) internal view returns (bytes memory) {
        return abi.encode(payees.VETO_TYPEHASH(), ALICE, bob, nonce, DEADLINE);
    }

    function wrong(address signer) internal {
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, signer));
    }

    function expired() internal {
        vm.expectRevert(abi.encodeWithSelector(Payees.SignatureExpired.selector, DEADLINE));
    }

    function recover(bytes memory signature) internal {
        vm.prank(ADMIN);
        payees.recover(ALICE, bob, DEADLINE, signature);
    }

    function nothingChanged(uint64 nonce) internal view {
        vm.assertEq(payees.walletOf(ALICE), alice);
        vm.assertEq(payees.bindingOf(ALICE).nonce, nonce);
    }

    function test_theTwinOfAMoveARecoveryOrAVetoIsRefused() public {
        bytes memory from = hand(ALICE_KEY, moveBody(1));
        bytes memory to = hand(BOB_KEY, moveBody(1));
        wrong(alice);
        payees.move(ALICE, bob, DEADLINE, twin(from), to);
        wrong(bob);
        payees.move(ALICE, bob, DEADLINE, from, twin(to));
        bytes memory recovery = hand(BOB_KEY, recoverBody(1));
        wrong(bob);
        recover(twin(recovery));
        nothingChanged(1);
        recover(recovery);
        bytes memory veto = hand(ALICE_KEY, vetoBody(2));
        wrong(alice);
        payees.vetoWithSig(ALICE, DEADLINE, twin(veto));
        vm.assertEq(payees.bindingOf(ALICE).next, bob);
        payees.vetoWithSig(ALICE, DEADLINE, veto);
        vm.assertEq(payees.bindingOf(ALICE).next, address(0));
    }

    function test_aMoveARecoveryAndAVetoOfAnotherChainAreRefused() public {
        vm.chainId(10);
        bytes memory from = hand(ALICE_KEY, moveBody(1));
        bytes memory to = hand(BOB_KEY, moveBody(1));
        bytes memory recovery = hand(BOB_KEY, recoverBody(1));
        bytes memory veto = hand(ALICE_KEY, vetoBody(2));
        vm.chainId(31337);
        wrong(alice);
        payees.move(ALICE, bob, DEADLINE, from, to);
        wrong(bob);
        recover(recovery);
        nothingChanged(1);
        recover(hand(BOB_KEY, recoverBody(1)));
        wrong(alice);
        payees.vetoWithSig(ALICE, DEADLINE, veto);
        vm.assertEq(payees.bindingOf(ALICE).next, bob);
    }

    function test_aMoveARecoveryAndAVetoCountUntilTheirDeadline() public {
        bytes memory from = hand(ALICE_KEY, moveBody(1));
        bytes memory to = hand(BOB_KEY, moveBody(1));
        bytes memory recovery = hand(BOB_KEY, recoverBody(1));
        vm.warp(DEADLINE + 1);
        expired();
        payees.move(ALICE, bob, DEADLINE, from, to);
        expired();
        recover(recovery);
        nothingChanged(1);
        vm.warp(DEADLINE);
        recover(recovery);
        bytes memory veto = hand(ALICE_KEY, vetoBody(2));
        vm.warp(DEADLINE + 1);
        expired();
        payees.vetoWithSig(ALICE, DEADLINE, veto);
        vm.warp(DEADLINE);
        payees.vetoWithSig(ALICE, DEADLINE, veto);
        nothingChanged(3);
    }

    /// Bob agreed to one recovery, and Alice refused one: neither word counts for the next.
    function test_aRecoveryAndAVetoAreSignedEachTimeAnew() public {
        bytes memory recovery = hand(BOB_KEY, recoverBody(1));
        recover(recovery);
        bytes memory veto = hand(ALICE_KEY, vetoBody(2));
        payees.vetoWithSig(ALICE, DEADLINE, veto);
        wrong(bob);
        recover(recovery);
        nothingChanged(3);
        recover(hand(BOB_KEY, recoverBody(3)));
        wrong(alice);
        payees.vetoWithSig(ALICE, DEADLINE, veto);
        vm.assertEq(payees.bindingOf(ALICE).next, bob);
    }

    function test_whatWasSignedForOneThingDoesNotCountForAnother() public {
        // Bob has signed to be found by recovery, which takes seven days: not to move there at once.
        bytes memory recovery = hand(BOB_KEY, recoverBody(1));
        bytes memory from = hand(ALICE_KEY, moveBody(1));
        wrong(bob);
        payees.move(ALICE, bob, DEADLINE, from, recovery);
        // Alice has signed a move: not that a recovery is refused.
        recover(recovery);
        bytes memory move = hand(ALICE_KEY, moveBody(2));
        wrong(alice);
        payees.vetoWithSig(ALICE, DEADLINE, move);
        vm.assertEq(payees.bindingOf(ALICE).next, bob);
    }

    /// A contract's wallet says yes or no at the time it is asked: its recovery and its veto as well.
    function test_aContractsWalletRecoversAndVetoes() public {
        ContractWallet safe = new ContractWallet(bob);
        bytes memory body = abi.encode(payees.RECOVER_TYPEHASH(), ALICE, alice, address(safe), 1, DEADLINE);
        bytes memory signature = hand(BOB_KEY, body);
        safe.setOwner(DAVE);
        wrong(address(safe));
        vm.prank(ADMIN);
        payees.recover(ALICE, address(safe), DEADLINE, signature);
        safe.setOwner(bob);
        vm.prank(ADMIN);
        payees.recover(ALICE, address(safe), DEADLINE, signature);
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(payees.walletOf(ALICE), address(safe));

        bytes memory back = abi.encode(payees.RECOVER_TYPEHASH(), ALICE, address(safe), alice, 2, DEADLINE);
        bytes memory agreed = hand(ALICE_KEY, back);
        vm.prank(ADMIN);
        payees.recover(ALICE, alice, DEADLINE, agreed);
        body = abi.encode(payees.VETO_TYPEHASH(), ALICE, alice, 3, DEADLINE);
        signature = hand(ALICE_KEY, body);
        wrong(address(safe));
        payees.vetoWithSig(ALICE, DEADLINE, signature);
        payees.vetoWithSig(ALICE, DEADLINE, hand(BOB_KEY, body));
        vm.assertEq(payees.bindingOf(ALICE).next, address(0));
    }

    // One signature has one form: 65 bytes that end in 27 or 28.

    function forms(bytes memory true_) internal pure returns (bytes[] memory bent) {
        (bytes32 r, bytes32 s, uint8 v) = (word(true_, 0), word(true_, 32), uint8(true_[64]));
        bent = new bytes[](5);
        // EIP-2098's 64 bytes, v as 0 or 1, a byte more, a byte less, and nothing.
        bent[0] = abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        bent[1] = abi.encodePacked(r, s, v - 27);
        bent[2] = abi.encodePacked(r, s, v, uint8(0));
        bent[3] = abi.encodePacked(r, bytes31(s), v);
        bent[4] = "";
    }

    function test_payeesTakeASignatureInOneForm() public {
        bytes memory to = hand(BOB_KEY, moveBody(1));
        bytes memory from = hand(ALICE_KEY, moveBody(1));
        bytes[] memory bent = forms(from);
        for (uint256 i = 0; i < bent.length; ++i) {
            wrong(alice);
            payees.move(ALICE, bob, DEADLINE, bent[i], to);
        }
        nothingChanged(1);
        payees.move(ALICE, bob, DEADLINE, from, to);
    }

    function test_theVaultTakesASignatureInOneForm() public {
        bytes16[] memory who = new bytes16[](1);
        uint32[] memory whole = new uint32[](1);
        (who[0], whole[0]) = (ALICE, 1_000_000_000);
        bytes32 split = vault.splitOf(who, whole);
        coin.mint(address(vault), 100);
        vault.absorb(split, coin, 100, 0);
        vault.distribute(who, whole, coin);
        bytes32 body = keccak256(abi.encode(vault.WITHDRAW_TYPEHASH(), ALICE, coin, bob, 100, 0, DEADLINE));
        bytes memory signature =
            signed(ALICE_KEY, keccak256(abi.encodePacked(hex"1901", vault.domainSeparator(), body)));
        bytes[] memory bent = forms(signature);
        for (uint256 i = 0; i < bent.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(SplitVault.WrongSignature.selector, alice));
            vault.withdrawWithSig(ALICE, coin, bob, 100, 0, DEADLINE, bent[i]);
        }
        vm.assertEq(vault.nonceOf(ALICE), 0);
        vault.withdrawWithSig(ALICE, coin, bob, 100, 0, DEADLINE, signature);
        vm.assertEq(coin.balanceOf(bob), 100);
    }

    function test_tokensTakeASignatureInOneForm() public {
        LogEntry.AssetToken memory entry = entryOf(keccak256("Harbour at night"), alice);
        bytes32 leaf = tokens.leafOf(entry);
        Place memory place = anchored(leaf);
        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        bytes[] memory bent = forms(signature);
        bytes memory refusal =
            abi.encodeWithSelector(Signatures.NotSignedBy.selector, alice, tokens.digestToSign(leaf));
        for (uint256 i = 0; i < bent.length; ++i) {
            vm.expectRevert(refusal);
            tokens.materialize(entry, place.root, place.index, place.proof, bent[i]);
        }
        vm.assertEq(tokens.balanceOf(alice), 0);
        bring(entry, place, signature);
        vm.assertEq(tokens.balanceOf(alice), 1);
    }
}
