// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {ExpiringPause} from "../src/ExpiringPause.sol";
import {PayoutDistributor} from "../src/PayoutDistributor.sol";
import {ReferencePayoutTree} from "./ReferencePayoutTree.sol";
import {Test} from "./Vm.sol";
import {BlacklistCoin} from "./tokens/BlacklistCoin.sol";
import {Coin} from "./tokens/Coin.sol";
import {FalseCoin} from "./tokens/FalseCoin.sol";
import {FeeCoin} from "./tokens/FeeCoin.sol";
import {LyingCoin} from "./tokens/LyingCoin.sol";
import {NoReturnCoin} from "./tokens/NoReturnCoin.sol";
import {ReentrantCoin} from "./tokens/ReentrantCoin.sol";

contract PayoutDistributorTest is Test {
    address internal constant ADMIN = address(0xA0);
    address internal constant SETTLER = address(0xA1);
    address internal constant GUARDIAN = address(0xA2);
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    address internal constant DAVE = address(0xDA);
    uint256 internal constant START = 1_795_312_800;

    PayoutDistributor internal book;
    Coin internal coin;

    function setUp() public {
        vm.warp(START);
        book = new PayoutDistributor(ADMIN, GUARDIAN, SETTLER);
        coin = new Coin(6);
    }

    function leaves(IERC20 token, uint256 alice, uint256 bob) internal view returns (bytes32[] memory found) {
        found = new bytes32[](2);
        found[0] = book.leafOf(token, ALICE, alice);
        found[1] = book.leafOf(token, BOB, bob);
    }

    /// Propose what Alice and Bob were ever given, and pay for what is new.
    function settle(address token, uint256 alice, uint256 bob) internal returns (bytes32 root) {
        root = ReferencePayoutTree.root(leaves(IERC20(token), alice, bob));
        uint256 more = alice + bob - book.statusOf(IERC20(token)).funded;
        Coin(token).mint(SETTLER, more);
        vm.startPrank(SETTLER);
        // Not through the interface: the oldest tokens answer nothing.
        (bool done,) = token.call(abi.encodeCall(IERC20.approve, (address(book), more)));
        vm.assertTrue(done);
        book.proposePayouts(IERC20(token), alice + bob, root);
        vm.stopPrank();
    }

    function proofs(IERC20 token, uint256 alice, uint256 bob)
        internal
        view
        returns (bytes32[] memory a, bytes32[] memory b)
    {
        bytes32[] memory both = leaves(token, alice, bob);
        return (ReferencePayoutTree.proof(both, 0), ReferencePayoutTree.proof(both, 1));
    }

    function test_aRootCountsADayAfterItWasProposedAndPaidFor() public {
        bytes32 expected = ReferencePayoutTree.root(leaves(coin, 70, 30));
        coin.mint(SETTLER, 100);
        vm.startPrank(SETTLER);
        coin.approve(address(book), 100);
        vm.expectEmit();
        emit PayoutDistributor.RootProposed(coin, expected);
        book.proposePayouts(coin, 100, expected);
        vm.stopPrank();
        vm.assertEq(coin.balanceOf(address(book)), 100);
        (bytes32[] memory a, bytes32[] memory b) = proofs(coin, 70, 30);
        PayoutDistributor.Status memory status = book.statusOf(coin);
        vm.assertEq(status.root, bytes32(0));
        vm.assertEq(status.pendingRoot, expected);
        vm.assertEq(status.activeFrom, START + 1 days);

        vm.warp(START + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 70));
        book.claim(ALICE, 70, a, coin);

        vm.warp(START + 1 days);
        status = book.statusOf(coin);
        vm.assertEq(status.root, expected);
        vm.assertEq(status.pendingRoot, bytes32(0));
        vm.assertEq(status.activeFrom, 0);
        vm.prank(DAVE);
        book.claim(ALICE, 70, a, coin);
        book.claim(BOB, 30, b, coin);
        vm.assertEq(coin.balanceOf(ALICE), 70);
        vm.assertEq(coin.balanceOf(BOB), 30);
        vm.assertEq(coin.balanceOf(address(book)), 0);
    }

    function test_anAccountIsPaidWhatIsNewOfEachSettlementAndOnce() public {
        settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        (bytes32[] memory a,) = proofs(coin, 70, 30);
        book.claim(ALICE, 70, a, coin);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NothingToClaim.selector, ALICE));
        book.claim(ALICE, 70, a, coin);
        settle(address(coin), 75, 80);
        // Until the next root counts, the last one does.
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NothingToClaim.selector, ALICE));
        book.claim(ALICE, 70, a, coin);
        vm.warp(START + 2 days);
        bytes32[] memory b;
        (a, b) = proofs(coin, 75, 80);
        book.claim(ALICE, 75, a, coin);
        book.claim(BOB, 80, b, coin);
        vm.assertEq(coin.balanceOf(ALICE), 75);
        vm.assertEq(coin.balanceOf(BOB), 80);
        vm.assertEq(book.paidTo(coin, ALICE), 75);
        vm.assertEq(book.statusOf(coin).funded, 155);
    }

    function test_onlyTheSettlerProposes() public {
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NotSettler.selector, ADMIN));
        vm.prank(ADMIN);
        book.proposePayouts(coin, 0, bytes32(uint256(1)));
    }

    function test_aRootThatNobodyPaysForIsRefused() public {
        bytes32 root = ReferencePayoutTree.root(leaves(coin, 70, 30));
        coin.mint(SETTLER, 99);
        vm.startPrank(SETTLER);
        coin.approve(address(book), 99);
        vm.expectRevert();
        book.proposePayouts(coin, 100, root);
        vm.stopPrank();
        vm.assertEq(book.statusOf(coin).funded, 0);
        vm.assertEq(book.statusOf(coin).pendingRoot, bytes32(0));
    }

    function test_aTotalNeverFallsAlsoAfterAVeto() public {
        settle(address(coin), 70, 30);
        vm.prank(GUARDIAN);
        book.veto(coin);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.TotalFalls.selector, 99, 100));
        vm.prank(SETTLER);
        book.proposePayouts(coin, 99, bytes32(uint256(1)));
        // What was paid stays for the next: the same total costs nothing more.
        settle(address(coin), 60, 40);
        vm.assertEq(coin.balanceOf(address(book)), 100);
        vm.warp(START + 1 days);
        (bytes32[] memory a,) = proofs(coin, 60, 40);
        book.claim(ALICE, 60, a, coin);
        vm.assertEq(coin.balanceOf(ALICE), 60);
    }

    function test_aZeroRootAndATotalBeyondTheBookAreRefused() public {
        vm.startPrank(SETTLER);
        vm.expectRevert(PayoutDistributor.RootZero.selector);
        book.proposePayouts(coin, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.TotalTooLarge.selector, 1 << 128));
        book.proposePayouts(coin, 1 << 128, bytes32(uint256(1)));
        vm.stopPrank();
    }

    function test_oneRootWaitsAtATime() public {
        bytes32 root = settle(address(coin), 70, 30);
        vm.expectRevert(
            abi.encodeWithSelector(PayoutDistributor.RootWaits.selector, root, uint64(START + 1 days))
        );
        vm.prank(SETTLER);
        book.proposePayouts(coin, 100, bytes32(uint256(1)));
    }

    // A stolen settler's key.

    function test_theGuardianVetoesTheRootOfAStolenKeyAndTheAdminNamesAnother() public {
        bytes32 good = settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        bytes32[] memory stolen = new bytes32[](1);
        stolen[0] = book.leafOf(coin, DAVE, 100);
        vm.prank(SETTLER);
        book.proposePayouts(coin, 100, stolen[0]);
        vm.warp(START + 2 days - 1);
        vm.expectEmit();
        emit PayoutDistributor.RootVetoed(coin, stolen[0], GUARDIAN);
        vm.prank(GUARDIAN);
        book.veto(coin);
        vm.prank(GUARDIAN);
        book.pause();
        vm.prank(ADMIN);
        book.setSettler(address(0xA9));
        vm.warp(START + 3 days);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, DAVE, 100));
        book.claim(DAVE, 100, new bytes32[](0), coin);
        vm.assertEq(book.statusOf(coin).root, good);
        (bytes32[] memory a,) = proofs(coin, 70, 30);
        book.claim(ALICE, 70, a, coin);
        vm.warp(START + 20 days);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NotSettler.selector, SETTLER));
        vm.prank(SETTLER);
        book.proposePayouts(coin, 100, stolen[0]);
    }

    function test_aVetoComesBeforeTheRootCountsOrNotAtAll() public {
        vm.startPrank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NoRootWaits.selector, coin));
        book.veto(coin);
        vm.stopPrank();
        settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NoRootWaits.selector, coin));
        vm.prank(GUARDIAN);
        book.veto(coin);
    }

    function test_onlyTheGuardianVetoesAndOnlyTheAdminNamesTheSettler() public {
        settle(address(coin), 70, 30);
        bytes32 role = book.GUARDIAN_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, SETTLER, role)
        );
        vm.prank(SETTLER);
        book.veto(coin);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, GUARDIAN, bytes32(0)
            )
        );
        vm.prank(GUARDIAN);
        book.setSettler(DAVE);
        vm.assertEq(book.settler(), SETTLER);
    }

    function test_aPauseStopsProposalsAndNoClaim() public {
        settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        vm.prank(GUARDIAN);
        book.pause();
        vm.expectRevert(abi.encodeWithSelector(ExpiringPause.PausedUntil.selector, START + 8 days));
        vm.prank(SETTLER);
        book.proposePayouts(coin, 100, bytes32(uint256(1)));
        (bytes32[] memory a,) = proofs(coin, 70, 30);
        book.claim(ALICE, 70, a, coin);
        PayoutDistributor.Claim[] memory claims = new PayoutDistributor.Claim[](1);
        (, claims[0].proof) = proofs(coin, 70, 30);
        (claims[0].account, claims[0].cumulative) = (BOB, 30);
        book.claimMany(coin, claims);
        vm.assertEq(coin.balanceOf(ALICE), 70);
        vm.assertEq(coin.balanceOf(BOB), 30);
    }

    // Proofs.

    function test_anInnerNodeIsNoLeafAndNoLeafIsAnothers() public {
        settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        (bytes32[] memory a, bytes32[] memory b) = proofs(coin, 70, 30);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 71));
        book.claim(ALICE, 71, a, coin);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, DAVE, 70));
        book.claim(DAVE, 70, a, coin);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 70));
        book.claim(ALICE, 70, b, coin);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 70));
        book.claim(ALICE, 70, new bytes32[](0), coin);
        Coin other = new Coin(6);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 70));
        book.claim(ALICE, 70, a, other);
        vm.chainId(10);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 70));
        book.claim(ALICE, 70, a, coin);
        vm.chainId(31337);
        vm.assertEq(coin.balanceOf(address(book)), 100);
    }

    function test_leavesRootsAndProofsAreThoseOfTheBooks() public {
        string memory json = vm.readFile("test/vectors/payouts.json");
        address where = vm.parseJsonAddress(json, ".distributor");
        address token = vm.parseJsonAddress(json, ".token");
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        vm.etch(where, address(book).code);
        for (uint256 i = 0; i < 6; ++i) {
            string memory one = string.concat(".cases[", vm.toString(i), "]");
            address[] memory accounts = vm.parseJsonAddressArray(json, string.concat(one, ".accounts"));
            uint256[] memory given = vm.parseJsonUintArray(json, string.concat(one, ".cumulative"));
            bytes32[] memory expected = vm.parseJsonBytes32Array(json, string.concat(one, ".leaves"));
            bytes32[] memory nodes = vm.parseJsonBytes32Array(json, string.concat(one, ".proofs"));
            uint256[] memory depths = vm.parseJsonUintArray(json, string.concat(one, ".depths"));
            bytes32 root = vm.parseJsonBytes32(json, string.concat(one, ".root"));
            uint256 next = 0;
            for (uint256 k = 0; k < accounts.length; ++k) {
                bytes32 leaf = PayoutDistributor(where).leafOf(IERC20(token), accounts[k], given[k]);
                vm.assertEq(leaf, expected[k], "leaf");
                bytes32[] memory proof = new bytes32[](depths[k]);
                for (uint256 n = 0; n < depths[k]; ++n) {
                    proof[n] = nodes[next++];
                }
                vm.assertTrue(MerkleProof.verify(proof, root, leaf), "proof");
            }
            vm.assertEq(ReferencePayoutTree.root(expected), root, "root");
        }
    }

    // Many at once, and hostile tokens.

    function claimBoth(address token, uint256 alice, uint256 bob) internal {
        PayoutDistributor.Claim[] memory claims = new PayoutDistributor.Claim[](2);
        (claims[0].proof, claims[1].proof) = proofs(IERC20(token), alice, bob);
        (claims[0].account, claims[0].cumulative) = (ALICE, alice);
        (claims[1].account, claims[1].cumulative) = (BOB, bob);
        book.claimMany(IERC20(token), claims);
    }

    function test_whoeverClaimsFirstSpoilsNoBatch() public {
        settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        (bytes32[] memory a,) = proofs(coin, 70, 30);
        book.claim(ALICE, 70, a, coin);
        claimBoth(address(coin), 70, 30);
        vm.assertEq(coin.balanceOf(ALICE), 70);
        vm.assertEq(coin.balanceOf(BOB), 30);
    }

    function test_anAccountThatATokenBlocksKeepsNobodyElseFromTheirMoney() public {
        BlacklistCoin token = new BlacklistCoin();
        settle(address(token), 70, 30);
        vm.warp(START + 1 days);
        token.setBlocked(ALICE, true);
        vm.expectEmit();
        emit PayoutDistributor.ClaimRefused(token, ALICE, 70);
        claimBoth(address(token), 70, 30);
        vm.assertEq(token.balanceOf(BOB), 30);
        vm.assertEq(book.paidTo(token, ALICE), 0);
        token.setBlocked(ALICE, false);
        claimBoth(address(token), 70, 30);
        vm.assertEq(token.balanceOf(ALICE), 70);
    }

    function test_aWrongProofRevertsABatch() public {
        settle(address(coin), 70, 30);
        vm.warp(START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.WrongProof.selector, ALICE, 71));
        this.claimBothFor(71, 29);
        vm.assertEq(coin.balanceOf(BOB), 0);
    }

    function claimBothFor(uint256 alice, uint256 bob) external {
        claimBoth(address(coin), alice, bob);
    }

    function test_aTokenThatAnswersNothingWorks() public {
        NoReturnCoin token = new NoReturnCoin();
        settle(address(token), 70, 30);
        vm.warp(START + 1 days);
        (bytes32[] memory a,) = proofs(IERC20(address(token)), 70, 30);
        book.claim(ALICE, 70, a, IERC20(address(token)));
        claimBoth(address(token), 70, 30);
        vm.assertEq(token.balanceOf(ALICE), 70);
        vm.assertEq(token.balanceOf(BOB), 30);
    }

    function test_aTokenThatAnswersFalseTakesNothingAway() public {
        FalseCoin token = new FalseCoin();
        settle(address(token), 70, 30);
        vm.warp(START + 1 days);
        token.setRefusing(true);
        (bytes32[] memory a,) = proofs(token, 70, 30);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token));
        book.claim(ALICE, 70, a, token);
        claimBoth(address(token), 70, 30);
        vm.assertEq(book.paidTo(token, ALICE), 0);
        token.setRefusing(false);
        claimBoth(address(token), 70, 30);
        vm.assertEq(token.balanceOf(ALICE), 70);
        vm.assertEq(token.balanceOf(BOB), 30);
    }

    function refused(Coin token) internal {
        bytes32 root = ReferencePayoutTree.root(leaves(token, 700, 300));
        token.mint(SETTLER, 2000);
        vm.startPrank(SETTLER);
        token.approve(address(book), 1000);
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NotReceived.selector, token, 1000));
        book.proposePayouts(token, 1000, root);
        vm.stopPrank();
        vm.assertEq(book.statusOf(token).funded, 0);
    }

    function test_aTokenThatTakesAFeePaysForNoRoot() public {
        refused(new FeeCoin());
    }

    function test_aTokenThatSaysYesAndMovesNothingPaysForNoRoot() public {
        LyingCoin token = new LyingCoin();
        token.setIdle(true);
        refused(token);
    }

    function test_whereThereIsNoTokenNoRootIsPaidFor() public {
        vm.expectRevert(abi.encodeWithSelector(PayoutDistributor.NotReceived.selector, DAVE, 100));
        vm.prank(SETTLER);
        book.proposePayouts(IERC20(DAVE), 100, bytes32(uint256(1)));
    }

    function test_aTokenThatCallsBackIsPaidOnce() public {
        ReentrantCoin token = new ReentrantCoin();
        settle(address(token), 70, 30);
        vm.warp(START + 1 days);
        (bytes32[] memory a, bytes32[] memory b) = proofs(token, 70, 30);
        token.setHook(address(book), abi.encodeCall(book.claim, (ALICE, 70, a, token)));
        book.claim(ALICE, 70, a, token);
        vm.assertEq(token.calls(), 1);
        vm.assertEq(token.succeeded(), 0);
        vm.assertEq(token.balanceOf(ALICE), 70);
        // Bob's own claim in the middle of a batch: he is passed over afterwards.
        settle(address(token), 80, 30);
        vm.warp(START + 2 days);
        (, b) = proofs(token, 80, 30);
        token.setHook(address(book), abi.encodeCall(book.claim, (BOB, 30, b, token)));
        claimBoth(address(token), 80, 30);
        vm.assertEq(token.succeeded(), 1);
        vm.assertEq(token.balanceOf(ALICE), 80);
        vm.assertEq(token.balanceOf(BOB), 30);
    }

    function testFuzz_everybodyIsPaidTheirPartInAnyOrder(uint64[5] memory given, uint256 order) public {
        uint256 total = 0;
        bytes32[] memory all = new bytes32[](5);
        for (uint256 i = 0; i < 5; ++i) {
            total += given[i];
            all[i] = book.leafOf(coin, address(uint160(i + 1)), given[i]);
        }
        coin.mint(SETTLER, total);
        vm.startPrank(SETTLER);
        coin.approve(address(book), total);
        book.proposePayouts(coin, total, ReferencePayoutTree.root(all));
        vm.stopPrank();
        vm.warp(START + 1 days);
        for (uint256 i = 0; i < 5; ++i) {
            uint256 who = (i + order % 5) % 5;
            if (given[who] == 0) continue;
            book.claim(address(uint160(who + 1)), given[who], ReferencePayoutTree.proof(all, who), coin);
            vm.assertEq(coin.balanceOf(address(uint160(who + 1))), given[who]);
        }
        vm.assertEq(coin.balanceOf(address(book)), 0);
    }
}
