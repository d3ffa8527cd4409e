// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Payees} from "../src/Payees.sol";
import {Signing} from "./Signing.sol";
import {ContractWallet} from "./tokens/ContractWallet.sol";

/// @notice Plays registrar, admin, guardian, wallets and Dave, with true signatures and bent ones, and keeps a book of
/// its own: who is bound, who waits, and which wallets ever agreed to be somebody's. What must work and does not, or
/// works and must not, is counted in `wrongly`.
contract Registry is Signing {
    address public constant ADMIN = address(0xA0);
    address public constant REGISTRAR = address(0xA1);
    address public constant GUARDIAN = address(0xA2);
    address public constant DAVE = address(0xDA);
    uint256 public constant PEOPLE = 3;
    uint256 internal constant WALLETS = 5;
    // So far away that a signature fails for what it says and not for its age.
    uint256 internal constant DEADLINE = 4_000_000_000;
    // The first of ten ways to bend a signature do; the others leave it as it is.
    uint256 internal constant BENT = 5;

    struct Model {
        address wallet;
        uint256 nonce;
        address next;
        uint256 nextFrom;
    }

    Payees public immutable PAYEES;
    ContractWallet internal immutable SAFE;
    mapping(bytes16 payee => Model) internal models;
    mapping(bytes16 payee => mapping(address wallet => bool)) public agreed;
    bytes[] internal calls;
    address[] internal callers;
    uint256 public wrongly;
    uint256 public replaysLetIn;
    uint256 public changes;

    constructor() {
        PAYEES = new Payees(ADMIN, REGISTRAR, GUARDIAN);
        SAFE = new ContractWallet(vm.addr(keyOf(WALLETS - 1)));
    }

    function payeeOf(uint256 person) public pure returns (bytes16) {
        return bytes16(uint128(person % PEOPLE + 1) << 64);
    }

    function keyOf(uint256 which) internal pure returns (uint256) {
        return 0xBEEF + which % WALLETS;
    }

    /// The last one is a contract, for which its owner's key signs.
    function walletAt(uint256 which) internal view returns (address) {
        which %= WALLETS;
        return which == WALLETS - 1 ? address(SAFE) : vm.addr(keyOf(which));
    }

    function indexOf(address wallet) internal view returns (uint256 which) {
        while (walletAt(which) != wallet) ++which;
    }

    function isBent(uint256 bend) internal pure returns (bool) {
        return bend % 10 < BENT;
    }

    /// What would be signed, and by whom: bent by 0 another key, 1 the twin, 2 a passed deadline, 3 another nonce,
    /// 4 another payee.
    function deadlineOf(uint256 bend) internal view returns (uint256) {
        return bend % 10 == 2 ? block.timestamp - 1 : DEADLINE;
    }

    function nonceOf(uint256 person, uint256 bend) internal view returns (uint256) {
        uint256 nonce = models[payeeOf(person)].nonce;
        return bend % 10 == 3 ? nonce + 1 : nonce;
    }

    function namedOf(uint256 person, uint256 bend) internal pure returns (bytes16) {
        return payeeOf(bend % 10 == 4 ? person % PEOPLE + 1 : person);
    }

    function handOf(uint256 which, bytes32 body, uint256 bend)
        internal
        view
        returns (bytes memory signature)
    {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", PAYEES.domainSeparator(), body));
        signature = signed(bend % 10 == 0 ? DAVE_KEY : keyOf(which), digest);
        if (bend % 10 == 1) signature = twin(signature);
    }

    /// What time has brought about, in the book.
    function modelOf(bytes16 payee) public view returns (Model memory it) {
        it = models[payee];
        if (it.nextFrom != 0 && block.timestamp >= it.nextFrom) {
            (it.wallet, it.next, it.nextFrom) = (it.next, address(0), 0);
        }
    }

    function play(address caller, bytes memory call, bool right, bool keep) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(PAYEES).call(call);
        if (done != right) ++wrongly;
        if (!done || !keep) return done;
        ++changes;
        calls.push(call);
        callers.push(caller);
    }

    function bind(uint256 person, uint256 which, uint256 bend, uint256 who) external {
        bytes16 payee = payeeOf(person);
        Model memory it = modelOf(payee);
        bytes32 body = keccak256(
            abi.encode(
                PAYEES.BIND_TYPEHASH(),
                namedOf(person, bend),
                walletAt(which),
                nonceOf(person, bend),
                deadlineOf(bend)
            )
        );
        bool right = who % 5 != 0 && !isBent(bend) && it.wallet == address(0) && it.nextFrom == 0;
        bytes memory call = abi.encodeCall(
            PAYEES.bind, (payee, walletAt(which), deadlineOf(bend), handOf(which, body, bend))
        );
        if (!play(who % 5 != 0 ? REGISTRAR : DAVE, call, right, true)) return;
        models[payee] = Model(address(0), it.nonce + 1, walletAt(which), block.timestamp + 1 days);
        agreed[payee][walletAt(which)] = true;
    }

    /// One of the two signatures may be bent.
    function move(uint256 person, uint256 which, uint256 bend, uint256 first) external {
        bytes16 payee = payeeOf(person);
        Model memory it = modelOf(payee);
        address to = walletAt(which);
        bytes32 body = keccak256(
            abi.encode(
                PAYEES.MOVE_TYPEHASH(),
                namedOf(person, bend),
                it.wallet,
                to,
                nonceOf(person, bend),
                deadlineOf(bend)
            )
        );
        bytes memory from = it.wallet == address(0)
            ? bytes("")
            : handOf(indexOf(it.wallet), body, first % 2 == 0 ? bend : BENT);
        bytes memory next = handOf(which, body, first % 2 == 1 ? bend : BENT);
        bool right = !isBent(bend) && it.wallet != address(0) && it.wallet != to;
        bytes memory call = abi.encodeCall(PAYEES.move, (payee, to, deadlineOf(bend), from, next));
        if (!play(DAVE, call, right, true)) return;
        models[payee] = Model(to, it.nonce + 1, address(0), 0);
        agreed[payee][to] = true;
    }

    function recover(uint256 person, uint256 which, uint256 bend, uint256 who) external {
        bytes16 payee = payeeOf(person);
        Model memory it = modelOf(payee);
        address to = walletAt(which);
        bytes32 body = keccak256(
            abi.encode(
                PAYEES.RECOVER_TYPEHASH(),
                namedOf(person, bend),
                it.wallet,
                to,
                nonceOf(person, bend),
                deadlineOf(bend)
            )
        );
        bool right =
            who % 4 != 0 && !isBent(bend) && it.wallet != address(0) && it.wallet != to && it.nextFrom == 0;
        bytes memory call =
            abi.encodeCall(PAYEES.recover, (payee, to, deadlineOf(bend), handOf(which, body, bend)));
        // Not even the registrar.
        if (!play(who % 4 != 0 ? ADMIN : REGISTRAR, call, right, true)) return;
        models[payee] = Model(it.wallet, it.nonce + 1, to, block.timestamp + 7 days);
        agreed[payee][to] = true;
    }

    function veto(uint256 person, uint256 who) external {
        bytes16 payee = payeeOf(person);
        Model memory it = modelOf(payee);
        bool right = who % 3 != 0 && it.wallet != address(0) && it.nextFrom != 0;
        address caller = who % 3 != 0 && it.wallet != address(0) ? it.wallet : DAVE;
        if (!play(caller, abi.encodeCall(PAYEES.veto, (payee)), right, false)) return;
        models[payee] = Model(it.wallet, it.nonce, address(0), 0);
    }

    function vetoWithSig(uint256 person, uint256 bend) external {
        bytes16 payee = payeeOf(person);
        Model memory it = modelOf(payee);
        if (it.wallet == address(0)) return;
        bytes32 body = keccak256(
            abi.encode(
                PAYEES.VETO_TYPEHASH(),
                namedOf(person, bend),
                it.next,
                nonceOf(person, bend),
                deadlineOf(bend)
            )
        );
        bytes memory signature = handOf(indexOf(it.wallet), body, bend);
        bytes memory call = abi.encodeCall(PAYEES.vetoWithSig, (payee, deadlineOf(bend), signature));
        if (!play(DAVE, call, !isBent(bend) && it.nextFrom != 0, true)) return;
        models[payee] = Model(it.wallet, it.nonce + 1, address(0), 0);
    }

    function stopBinding(uint256 person, uint256 who) external {
        // Seldom, so that somebody is bound.
        if (who % 3 != 0) return;
        bytes16 payee = payeeOf(person);
        Model memory it = modelOf(payee);
        bool guardian = who % 2 == 0;
        bool right = guardian && it.nextFrom != 0 && it.wallet == address(0);
        bytes memory call = abi.encodeCall(PAYEES.stopBinding, (payee));
        if (!play(guardian ? GUARDIAN : REGISTRAR, call, right, false)) return;
        models[payee] = Model(address(0), it.nonce, address(0), 0);
    }

    /// Whatever was signed once is brought again, by whom it worked for.
    function replay(uint256 which) external {
        if (calls.length == 0) return;
        which %= calls.length;
        vm.prank(callers[which]);
        (bool done,) = address(PAYEES).call(calls[which]);
        if (done) ++replaysLetIn;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 3 days));
    }
}

contract PayeesInvariants is Signing {
    Registry internal registry;
    Payees internal payees;

    function setUp() public {
        vm.warp(1_795_312_800);
        registry = new Registry();
        payees = registry.PAYEES();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(registry);
    }

    function invariant_whoIsPaidHasAgreedAndNobodyIsRedirected() external view {
        vm.assertEq(registry.wrongly(), 0, "what must work works, and nothing else");
        vm.assertEq(registry.replaysLetIn(), 0, "each signature counts once");
        for (uint256 i = 0; i < registry.PEOPLE(); ++i) {
            bytes16 payee = registry.payeeOf(i);
            Registry.Model memory it = registry.modelOf(payee);
            Payees.Binding memory binding = payees.bindingOf(payee);
            address wallet = payees.walletOf(payee);
            vm.assertEq(wallet, it.wallet, "walletOf");
            vm.assertTrue(wallet == address(0) || registry.agreed(payee, wallet), "it has agreed");
            vm.assertEq(binding.wallet, it.wallet, "wallet");
            vm.assertEq(binding.next, it.next, "next");
            vm.assertEq(binding.nextFrom, it.nextFrom, "nextFrom");
            vm.assertEq(binding.nonce, it.nonce, "nonce");
        }
    }

    /// The registry does not only refuse.
    function test_theRegistryBindsMovesAndRecovers() public {
        registry.bind(0, 0, 5, 1);
        registry.wait(1 days - 1);
        bytes16 payee = registry.payeeOf(0);
        address first = payees.walletOf(payee);
        vm.assertTrue(first != address(0));
        registry.move(0, 4, 5, 0);
        address second = payees.walletOf(payee);
        vm.assertTrue(second.code.length != 0 && second != first);
        registry.recover(0, 1, 5, 1);
        registry.vetoWithSig(0, 5);
        registry.recover(0, 1, 5, 1);
        for (uint256 i = 0; i < 3; ++i) {
            registry.wait(3 days - 1);
        }
        vm.assertTrue(payees.walletOf(payee) != second);
        vm.assertEq(registry.changes(), 5);
        for (uint256 i = 0; i < 5; ++i) {
            registry.replay(i);
        }
        vm.assertEq(registry.replaysLetIn() + registry.wrongly(), 0);
    }
}
