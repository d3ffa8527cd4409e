// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Payees} from "../src/Payees.sol";
import {Test} from "./Vm.sol";
import {ContractWallet} from "./tokens/ContractWallet.sol";

contract PayeesTest is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant REGISTRAR = address(0xA1);
    address internal constant GUARDIAN = address(0xA2);
    address internal constant DAVE = address(0xDA);
    bytes16 internal constant ALICE = 0x1c9e2b346f0d4e218a775b1d6f2e9c02;
    uint256 internal constant FIRST_KEY = 0xA11CE;
    uint256 internal constant SECOND_KEY = 0xA11CE2;
    uint256 internal constant THIEF_KEY = 0xDADA;
    uint256 internal constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    Payees internal payees;
    uint256 internal start = 1_795_312_800;
    uint256 internal deadline;
    address internal first;
    address internal second;

    function setUp() public {
        vm.warp(start);
        payees = new Payees(ADMIN, REGISTRAR, GUARDIAN);
        deadline = start + 30 days;
        first = vm.addr(FIRST_KEY);
        second = vm.addr(SECOND_KEY);
    }

    function sign(uint256 key, bytes32 body) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", payees.domainSeparator(), body)));
        return abi.encodePacked(r, s, v);
    }

    function bindBody(address wallet, uint256 nonce) internal view returns (bytes32) {
        return keccak256(abi.encode(payees.BIND_TYPEHASH(), ALICE, wallet, nonce, deadline));
    }

    function moveBody(address from, address to, uint256 nonce) internal view returns (bytes32) {
        return keccak256(abi.encode(payees.MOVE_TYPEHASH(), ALICE, from, to, nonce, deadline));
    }

    function recoverBody(address from, address to, uint256 nonce) internal view returns (bytes32) {
        return keccak256(abi.encode(payees.RECOVER_TYPEHASH(), ALICE, from, to, nonce, deadline));
    }

    function bindFirst() internal {
        bytes memory signature = sign(FIRST_KEY, bindBody(first, 0));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, first, deadline, signature);
    }

    function bound_() internal {
        bindFirst();
        vm.warp(start + 1 days);
    }

    function recoverToSecond() internal {
        bytes memory signature = sign(SECOND_KEY, recoverBody(first, second, 1));
        vm.prank(ADMIN);
        payees.recover(ALICE, second, deadline, signature);
    }

    function test_aFirstWalletCountsAfterADay() public {
        bindFirst();
        vm.assertEq(payees.walletOf(ALICE), address(0));
        vm.warp(start + 1 days - 1);
        vm.assertEq(payees.walletOf(ALICE), address(0));
        vm.warp(start + 1 days);
        vm.assertEq(payees.walletOf(ALICE), first);
        vm.assertEq(payees.bindingOf(ALICE).wallet, first);
        vm.assertEq(payees.bindingOf(ALICE).next, address(0));
    }

    function test_onlyTheRegistrarBindsAFirstWallet() public {
        bytes memory signature = sign(THIEF_KEY, bindBody(vm.addr(THIEF_KEY), 0));
        address thief = vm.addr(THIEF_KEY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, DAVE, payees.REGISTRAR_ROLE()
            )
        );
        vm.prank(DAVE);
        payees.bind(ALICE, thief, deadline, signature);
        vm.warp(start + 2 days);
        vm.assertEq(payees.walletOf(ALICE), address(0));
    }

    function test_theRegistrarCannotBindAWalletThatDidNotSign() public {
        bytes memory signature = sign(THIEF_KEY, bindBody(first, 0));
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, first, deadline, signature);
        vm.assertEq(payees.bindingOf(ALICE).nonce, 0);
    }

    function test_theGuardianStopsAFirstBindingWithinTheDay() public {
        bindFirst();
        vm.prank(GUARDIAN);
        payees.stopBinding(ALICE);
        vm.warp(start + 2 days);
        vm.assertEq(payees.walletOf(ALICE), address(0));
        // The same signature does not count again: its nonce is used.
        bytes memory signature = sign(FIRST_KEY, bindBody(first, 0));
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, first, deadline, signature);
    }

    function test_theGuardianStopsNothingOnceAWalletIsBound() public {
        bound_();
        recoverToSecond();
        vm.expectRevert(abi.encodeWithSelector(Payees.AlreadyBound.selector, ALICE, first));
        vm.prank(GUARDIAN);
        payees.stopBinding(ALICE);
        vm.warp(start + 9 days);
        vm.expectRevert(abi.encodeWithSelector(Payees.NothingWaits.selector, ALICE));
        vm.prank(GUARDIAN);
        payees.stopBinding(ALICE);
    }

    function test_theRegistrarCannotRedirectABoundPayee() public {
        bound_();
        bytes memory signature = sign(THIEF_KEY, bindBody(vm.addr(THIEF_KEY), 1));
        address thief = vm.addr(THIEF_KEY);
        vm.expectRevert(abi.encodeWithSelector(Payees.AlreadyBound.selector, ALICE, first));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, thief, deadline, signature);
        vm.assertEq(payees.walletOf(ALICE), first);
    }

    function test_oneBindingWaitsAtATime() public {
        bindFirst();
        bytes memory signature = sign(SECOND_KEY, bindBody(second, 1));
        vm.expectRevert(abi.encodeWithSelector(Payees.ChangeWaits.selector, ALICE, first));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, second, deadline, signature);
    }

    function test_aWalletMovesAtOnceWithBothSignaturesAndAnyoneRelays() public {
        bound_();
        bytes32 body = moveBody(first, second, 1);
        bytes memory from = sign(FIRST_KEY, body);
        bytes memory to = sign(SECOND_KEY, body);
        vm.prank(DAVE);
        payees.move(ALICE, second, deadline, from, to);
        vm.assertEq(payees.walletOf(ALICE), second);
        // Replayed, it is for a nonce that is used.
        vm.expectRevert(abi.encodeWithSelector(Payees.SameWallet.selector, second));
        payees.move(ALICE, second, deadline, from, to);
        bytes memory back = sign(SECOND_KEY, moveBody(second, first, 2));
        bytes memory accepted = sign(FIRST_KEY, moveBody(second, first, 2));
        payees.move(ALICE, first, deadline, back, accepted);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        payees.move(ALICE, second, deadline, from, to);
        vm.assertEq(payees.walletOf(ALICE), first);
    }

    function test_neitherSignatureAloneMovesAWallet() public {
        bound_();
        bytes32 body = moveBody(first, second, 1);
        bytes memory from = sign(FIRST_KEY, body);
        bytes memory to = sign(SECOND_KEY, body);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, second));
        payees.move(ALICE, second, deadline, from, from);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        payees.move(ALICE, second, deadline, to, to);
        vm.assertEq(payees.walletOf(ALICE), first);
    }

    function test_nobodyMovesAPayeeWithoutAWallet() public {
        bytes32 body = moveBody(address(0), second, 0);
        bytes memory to = sign(SECOND_KEY, body);
        vm.expectRevert(abi.encodeWithSelector(Payees.NoWallet.selector, ALICE));
        payees.move(ALICE, second, deadline, "", to);
    }

    function test_aLostKeyIsRecoveredAfterSevenDays() public {
        bound_();
        recoverToSecond();
        vm.warp(start + 8 days - 1);
        vm.assertEq(payees.walletOf(ALICE), first);
        vm.warp(start + 8 days);
        vm.assertEq(payees.walletOf(ALICE), second);
    }

    function test_onlyTheAdminProposesARecovery() public {
        bound_();
        bytes memory signature = sign(SECOND_KEY, recoverBody(first, second, 1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, REGISTRAR, bytes32(0)
            )
        );
        vm.prank(REGISTRAR);
        payees.recover(ALICE, second, deadline, signature);
    }

    function test_theBoundWalletVetoesARecovery() public {
        bound_();
        recoverToSecond();
        vm.expectRevert(abi.encodeWithSelector(Payees.NotTheWallet.selector, second));
        vm.prank(second);
        payees.veto(ALICE);
        vm.prank(first);
        payees.veto(ALICE);
        vm.warp(start + 30 days);
        vm.assertEq(payees.walletOf(ALICE), first);
        vm.expectRevert(abi.encodeWithSelector(Payees.NothingWaits.selector, ALICE));
        vm.prank(first);
        payees.veto(ALICE);
    }

    function test_aVetoMayBeSignedAndRelayed() public {
        bound_();
        recoverToSecond();
        bytes32 body = keccak256(abi.encode(payees.VETO_TYPEHASH(), ALICE, second, 2, deadline));
        bytes memory wrong = sign(SECOND_KEY, body);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        payees.vetoWithSig(ALICE, deadline, wrong);
        payees.vetoWithSig(ALICE, deadline, sign(FIRST_KEY, body));
        vm.warp(start + 9 days);
        vm.assertEq(payees.walletOf(ALICE), first);
    }

    function test_aVetoAfterTheDelayIsTooLate() public {
        bound_();
        recoverToSecond();
        vm.warp(start + 8 days);
        vm.expectRevert(abi.encodeWithSelector(Payees.NothingWaits.selector, ALICE));
        vm.prank(first);
        payees.veto(ALICE);
        vm.assertEq(payees.walletOf(ALICE), second);
    }

    function test_aMoveEndsARecoveryThatWaits() public {
        bound_();
        recoverToSecond();
        address third = vm.addr(THIEF_KEY);
        bytes32 body = moveBody(first, third, 2);
        payees.move(ALICE, third, deadline, sign(FIRST_KEY, body), sign(THIEF_KEY, body));
        vm.warp(start + 30 days);
        vm.assertEq(payees.walletOf(ALICE), third);
    }

    function test_aContractWalletSignsByErc1271() public {
        ContractWallet wallet = new ContractWallet(first);
        bytes memory signature = sign(FIRST_KEY, bindBody(address(wallet), 0));
        vm.prank(REGISTRAR);
        payees.bind(ALICE, address(wallet), deadline, signature);
        vm.warp(start + 1 days);
        vm.assertEq(payees.walletOf(ALICE), address(wallet));
        // Its owner's key is another now: what the old one signed counts no more.
        wallet.setOwner(vm.addr(THIEF_KEY));
        bytes32 body = moveBody(address(wallet), second, 1);
        bytes memory from = sign(FIRST_KEY, body);
        bytes memory to = sign(SECOND_KEY, body);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, address(wallet)));
        payees.move(ALICE, second, deadline, from, to);
    }

    function test_expiredForeignAndMalleableSignaturesAreRefused() public {
        bytes memory signature = sign(FIRST_KEY, bindBody(first, 0));
        // Malleable: the other s of the same signature.
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            FIRST_KEY, keccak256(abi.encodePacked(hex"1901", payees.domainSeparator(), bindBody(first, 0)))
        );
        bytes memory high = abi.encodePacked(r, bytes32(N - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.startPrank(REGISTRAR);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        payees.bind(ALICE, first, deadline, high);

        vm.chainId(10);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        payees.bind(ALICE, first, deadline, signature);
        vm.chainId(31337);

        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(Payees.SignatureExpired.selector, deadline));
        payees.bind(ALICE, first, deadline, signature);
        vm.stopPrank();

        vm.warp(deadline);
        Payees other = new Payees(ADMIN, REGISTRAR, GUARDIAN);
        vm.startPrank(REGISTRAR);
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        other.bind(ALICE, first, deadline, signature);
        payees.bind(ALICE, first, deadline, signature);
        vm.stopPrank();
    }

    function test_theZeroWalletIsNoWallet() public {
        vm.expectRevert(Payees.ZeroWallet.selector);
        vm.prank(REGISTRAR);
        payees.bind(ALICE, address(0), deadline, "");
    }

    function testFuzz_noStrangersSignatureBindsOrMoves(uint256 key, address wallet) public {
        key = bound(key, 1, N - 1);
        vm.assume(vm.addr(key) != first && wallet != vm.addr(key) && wallet != first);
        vm.assume(wallet != address(0) && wallet.code.length == 0);
        bound_();
        bytes memory signature = sign(key, moveBody(first, wallet, 1));
        vm.expectRevert(abi.encodeWithSelector(Payees.WrongSignature.selector, first));
        payees.move(ALICE, wallet, deadline, signature, signature);
        vm.assertEq(payees.walletOf(ALICE), first);
    }
}
