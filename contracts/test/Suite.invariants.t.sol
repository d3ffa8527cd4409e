// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LicenseMarket} from "../src/LicenseMarket.sol";
import {Payees} from "../src/Payees.sol";
import {IWrappedCoin, RoyaltyReceiverFactory} from "../src/RoyaltyReceiverFactory.sol";
import {SplitVault} from "../src/SplitVault.sol";
import {Offers} from "./Offers.sol";
import {Coin} from "./tokens/Coin.sol";

/// @notice A town in which licenses are sold, royalties swept, pots divided and money withdrawn, with the payees'
/// real wallets; and in which Dave has stolen the registrar's, the admin's recovery and the offer key, one at a time.
/// What lets people out is called plainly, paused or not, so that a revert fails the run.
contract Town is Offers {
    address public constant REGISTRAR = address(0xA1);
    address public constant TREASURY = address(0xA3);
    uint256 public constant PEOPLE = 4;
    uint256 public constant SPLITS = 3;
    uint256 internal constant WHOLE = 1_000_000_000;

    Payees internal payees;
    RoyaltyReceiverFactory internal factory;
    bytes32[] public splits;
    mapping(uint256 split => bytes16[]) internal payeesOf;
    mapping(uint256 split => uint32[]) internal sharesOf;

    // How many wallets each had so far: nobody takes an old one again.
    mapping(uint256 person => uint256) internal wallets;
    mapping(uint256 person => uint256) public paid;
    // What is theirs of all that was divided: each part is its share rounded down, or one unit more.
    mapping(uint256 person => uint256) public least;
    mapping(uint256 person => uint256) public most;
    mapping(uint256 split => uint256) public earned;
    mapping(uint256 split => uint256) public divided;
    uint256 public fees;
    uint256 public sold;
    uint256 public wrongly;
    uint256 public pausedExits;

    constructor() {
        openMarket();
        payees = new Payees(ADMIN, REGISTRAR, GUARDIAN);
        vault = new SplitVault(ADMIN, GUARDIAN, payees, TREASURY);
        market = new LicenseMarket(ADMIN, GUARDIAN, vm.addr(OFFER_KEY), vault, book);
        factory = new RoyaltyReceiverFactory(vault, IWrappedCoin(address(coin)));
        vm.prank(ADMIN);
        vault.listToken(coin, true);
        // Of two, three and all four of them.
        for (uint256 i = 0; i < SPLITS; ++i) {
            uint256 left = WHOLE;
            for (uint256 k = 0; k < i + 2; ++k) {
                payeesOf[i].push(payeeOf(k));
                sharesOf[i].push(uint32(k == i + 1 ? left : WHOLE / (3 + k)));
                left -= sharesOf[i][k];
            }
            splits.push(vault.splitOf(payeesOf[i], sharesOf[i]));
        }
    }

    function parts() external view returns (LicenseMarket, SplitVault, Coin, RoyaltyReceiverFactory, Payees) {
        return (market, vault, coin, factory, payees);
    }

    function payeeOf(uint256 person) public pure returns (bytes16) {
        return bytes16(uint128(person % PEOPLE + 1) << 64);
    }

    function keyOf(uint256 person, uint256 which) internal pure returns (uint256) {
        return 0xBEEF + (person << 32) + which;
    }

    function savingsOf(uint256 person) public pure returns (address) {
        return address(uint160(0x5A0 + person));
    }

    /// The wallet that is bound now, and its key; nobody for who has none.
    function boundTo(uint256 person) internal view returns (address wallet, uint256 key) {
        wallet = payees.walletOf(payeeOf(person));
        key = keyOf(person, wallets[person]);
        if (wallet != address(0) && wallet != vm.addr(key)) revert("redirected");
    }

    function handed(uint256 key, bytes32 domain, bytes memory body) internal pure returns (bytes memory) {
        return signed(key, keccak256(abi.encodePacked(hex"1901", domain, keccak256(body))));
    }

    // What comes in.

    function buy(uint256 seed, uint256 price, uint256 feeBps, uint256 theft) external {
        uint256 person = seed % PEOPLE;
        uint256 to = (seed >> 8) % SPLITS;
        LicenseMarket.Offer memory offer = offerOf(vm.addr(keyOf(person, 0)), (seed >> 16) % 64);
        offer.split = splits[to];
        offer.price = bound(price, 0, 1e12);
        offer.feeBps = uint16(bound(feeBps, 0, 10_000));
        bytes32 digest = market.digestToSign(offer);
        // Dave has the offer key, and Alice's offer at a price that she did not sign.
        bool stolen = theft % 4 == 0;
        bytes memory first = signed(stolen ? OFFER_KEY : keyOf(person, 0), digest);
        fund(CAROL, offer.price);
        // An offer for nothing moves nothing, so the vault's pause does not matter.
        bool right = !stolen && !market.paused() && (offer.price == 0 || !vault.paused());
        vm.prank(CAROL);
        try market.buy(offer, first, signed(OFFER_KEY, digest), CAROL, 0, offer.price) {
            if (!right) ++wrongly;
            uint256 fee = offer.price * offer.feeBps / 10_000;
            fees += fee;
            earned[to] += offer.price - fee;
            ++sold;
        } catch {
            if (right) ++wrongly;
        }
    }

    function royalty(uint256 to, uint256 amount) external {
        coin.mint(factory.receiverOf(splits[to % SPLITS]), bound(amount, 1, 1e12));
    }

    function sweep(uint256 to) external {
        to %= SPLITS;
        uint256 amount = coin.balanceOf(factory.receiverOf(splits[to]));
        bool right = amount != 0 && !vault.paused();
        try factory.sweep(splits[to], coin) {
            if (!right) ++wrongly;
            earned[to] += amount;
        } catch {
            if (right) ++wrongly;
        }
    }

    // What goes out: never refused.

    function distribute(uint256 which) external {
        which %= SPLITS;
        uint256 pot = vault.potOf(splits[which], coin);
        if (pot == 0) return;
        vault.distribute(payeesOf[which], sharesOf[which], coin);
        divided[which] += pot;
        for (uint256 k = 0; k < which + 2; ++k) {
            uint256 part = pot * sharesOf[which][k] / WHOLE;
            least[k] += part;
            most[k] += part + 1;
        }
        exits();
    }

    function withdraw(uint256 person) external {
        person %= PEOPLE;
        uint256 balance = vault.balanceOf(payeeOf(person), coin);
        (address wallet,) = boundTo(person);
        if (balance == 0) return;
        if (wallet == address(0)) {
            try vault.withdraw(payeeOf(person), coin) {
                ++wrongly;
            } catch {}
            return;
        }
        uint256 before = coin.balanceOf(wallet);
        vault.withdraw(payeeOf(person), coin);
        if (coin.balanceOf(wallet) - before != balance) ++wrongly;
        paid[person] += balance;
        exits();
    }

    function withdrawWithSig(uint256 person, uint256 amount, bool dave) external {
        person %= PEOPLE;
        bytes16 payee = payeeOf(person);
        uint256 balance = vault.balanceOf(payee, coin);
        (address wallet, uint256 key) = boundTo(person);
        if (balance == 0 || wallet == address(0)) return;
        amount = bound(amount, 1, balance);
        uint256 nonce = vault.nonceOf(payee);
        address to = dave ? DAVE : savingsOf(person);
        bytes memory body =
            abi.encode(vault.WITHDRAW_TYPEHASH(), payee, coin, to, amount, nonce, block.timestamp);
        bytes memory signature = handed(dave ? DAVE_KEY : key, vault.domainSeparator(), body);
        if (dave) {
            try vault.withdrawWithSig(payee, coin, to, amount, nonce, block.timestamp, signature) {
                ++wrongly;
            } catch {}
            return;
        }
        vault.withdrawWithSig(payee, coin, to, amount, nonce, block.timestamp, signature);
        paid[person] += amount;
        exits();
    }

    function withdrawHouse() external {
        if (vault.houseOf(coin) == 0) return;
        vault.withdrawHouse(coin);
        exits();
    }

    function exits() internal {
        if (vault.paused()) ++pausedExits;
    }

    // Wallets.

    function bindWallet(uint256 person, bool dave) external {
        person %= PEOPLE;
        bytes16 payee = payeeOf(person);
        Payees.Binding memory it = payees.bindingOf(payee);
        uint256 key = dave ? DAVE_KEY : keyOf(person, 0);
        bytes memory body = abi.encode(payees.BIND_TYPEHASH(), payee, vm.addr(key), it.nonce, block.timestamp);
        bytes memory signature = handed(key, payees.domainSeparator(), body);
        bool right = it.wallet == address(0) && it.nextFrom == 0;
        vm.prank(REGISTRAR);
        try payees.bind(payee, vm.addr(key), block.timestamp, signature) {
            if (!right) ++wrongly;
            // The registrar's key was stolen: the guardian sees a wallet that is not theirs.
            if (!dave) return;
            vm.prank(GUARDIAN);
            payees.stopBinding(payee);
        } catch {
            if (right) ++wrongly;
        }
    }

    function moveWallet(uint256 person) external {
        person %= PEOPLE;
        (address from, uint256 key) = boundTo(person);
        if (from == address(0)) return;
        bytes16 payee = payeeOf(person);
        uint256 next = keyOf(person, wallets[person] + 1);
        uint64 nonce = payees.bindingOf(payee).nonce;
        bytes memory body =
            abi.encode(payees.MOVE_TYPEHASH(), payee, from, vm.addr(next), nonce, block.timestamp);
        bytes32 domain = payees.domainSeparator();
        payees.move(
            payee, vm.addr(next), block.timestamp, handed(key, domain, body), handed(next, domain, body)
        );
        ++wallets[person];
    }

    /// The admin's recovery is abused; whose wallet it is refuses, days later, paused or not.
    function abuseRecovery(uint256 person, uint256 days_) external {
        person %= PEOPLE;
        bytes16 payee = payeeOf(person);
        (address from,) = boundTo(person);
        if (from == address(0)) return;
        address thief = vm.addr(DAVE_KEY);
        uint64 nonce = payees.bindingOf(payee).nonce;
        bytes memory body = abi.encode(payees.RECOVER_TYPEHASH(), payee, from, thief, nonce, block.timestamp);
        bytes memory signature = handed(DAVE_KEY, payees.domainSeparator(), body);
        vm.prank(ADMIN);
        payees.recover(payee, thief, block.timestamp, signature);
        vm.warp(block.timestamp + bound(days_, 0, 7 days - 1));
        vm.prank(from);
        payees.veto(payee);
    }

    function pause(uint256 which) external {
        vm.startPrank(GUARDIAN);
        if (which % 4 == 0) try vault.pause() {} catch {}
        if (which % 4 == 1) try market.pause() {} catch {}
        vm.stopPrank();
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 days));
    }

    /// All that people, Carol and the treasury have outside.
    function outside() external view returns (uint256 sum) {
        sum = coin.balanceOf(CAROL) + coin.balanceOf(TREASURY);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            sum += taken(i);
        }
    }

    /// What somebody has in all the wallets that were ever theirs.
    function taken(uint256 person) public view returns (uint256 sum) {
        sum = coin.balanceOf(savingsOf(person));
        for (uint256 k = 0; k <= wallets[person]; ++k) {
            sum += coin.balanceOf(vm.addr(keyOf(person, k)));
        }
    }
}

contract SuiteInvariants is Offers {
    Town internal town;
    RoyaltyReceiverFactory internal factory;
    Payees internal payees;

    function setUp() public {
        vm.warp(1_795_312_800);
        town = new Town();
        (market, vault, coin, factory, payees) = town.parts();
    }

    /// forge calls this to learn whom to play.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(town);
    }

    function invariant_eachGetsTheirsAndDaveNothing() external view {
        vm.assertEq(town.wrongly(), 0, "what must work works, and nothing else");
        vm.assertEq(coin.balanceOf(DAVE) + coin.balanceOf(vm.addr(DAVE_KEY)), 0, "Dave");
        uint256 held = vault.houseOf(coin);
        uint256 waits = 0;
        for (uint256 i = 0; i < town.SPLITS(); ++i) {
            bytes32 split = town.splits(i);
            uint256 pot = vault.potOf(split, coin);
            vm.assertEq(pot + town.divided(i), town.earned(i), "a split's");
            held += pot;
            waits += coin.balanceOf(factory.receiverOf(split));
        }
        for (uint256 i = 0; i < town.PEOPLE(); ++i) {
            uint256 balance = vault.balanceOf(town.payeeOf(i), coin);
            uint256 paid = town.paid(i);
            vm.assertEq(town.taken(i), paid, "paid to their own wallets");
            vm.assertGe(balance + paid, town.least(i), "no unit less than their share");
            vm.assertLe(balance + paid, town.most(i), "no unit more");
            held += balance;
        }
        vm.assertEq(vault.heldOf(coin), held, "held");
        vm.assertEq(coin.balanceOf(address(vault)), held, "there");
        vm.assertEq(vault.houseOf(coin) + coin.balanceOf(town.TREASURY()), town.fees(), "the house's");
        vm.assertEq(coin.totalSupply(), held + waits + town.outside(), "nothing anywhere else");
        vm.assertEq(market.sales(), town.sold());
    }

    function test_theTownLives() public {
        town.bindWallet(0, true);
        town.bindWallet(0, false);
        town.buy(0, 1e9, 1250, 1);
        town.royalty(0, 999);
        town.sweep(0);
        town.pause(0);
        town.distribute(0);
        town.withdraw(0);
        vm.assertEq(town.paid(0), 0);
        town.wait(1 days - 1);
        town.withdraw(0);
        vm.assertEq(town.paid(0), 291_667_000);
        vm.assertEq(town.pausedExits(), 2);
        town.moveWallet(0);
        town.abuseRecovery(0, 6 days);
        town.withdrawHouse();
        vm.assertEq(town.fees(), 125_000_000);
        vm.assertEq(town.wrongly(), 0);
        this.invariant_eachGetsTheirsAndDaveNothing();
    }
}
