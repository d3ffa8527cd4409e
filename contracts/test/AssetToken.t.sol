// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {AssetToken} from "../src/AssetToken.sol";
import {ExpiringPause} from "../src/ExpiringPause.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {Signatures} from "../src/Signatures.sol";
import {Releases} from "./Releases.sol";
import {ContractWallet} from "./tokens/ContractWallet.sol";

contract AssetTokenTest is Releases {
    bytes32 internal constant RELEASE = keccak256("Harbour at night, 1.0.0");

    address internal alice;
    LogEntry.AssetToken internal entry;
    Place internal place;
    bytes internal aliceSigned;
    uint256 internal id = uint256(RELEASE);

    function setUp() public {
        beginLog();
        alice = vm.addr(ALICE_KEY);
        entry = entryOf(RELEASE, alice);
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        aliceSigned = signed(ALICE_KEY, tokens.digestToSign(leaf));
    }

    function nothingWasMade() internal view {
        vm.assertEq(tokens.balanceOf(alice), 0);
        vm.assertEq(tokens.royaltyOf(id).receiver, address(0));
    }

    function test_aliceGetsHerTokenAndDavePaysTheGas() public {
        vm.expectEmit();
        emit AssetToken.Materialized(RELEASE, tokens.leafOf(entry), entry.split, place.root);
        vm.prank(DAVE);
        uint256 made = tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);

        vm.assertEq(made, id);
        vm.assertEq(tokens.ownerOf(id), alice);
        vm.assertEq(tokens.balanceOf(alice), 1);
        vm.assertEq(tokens.royaltyOf(id).anchoredAt, 1_795_312_800);
        vm.assertEq(
            keccak256(bytes(tokens.tokenURI(id))),
            keccak256(abi.encodePacked("https://worldloom.example/releases/", LogEntry.digestText(RELEASE)))
        );
    }

    function test_royaltiesGoToTheReceiverOfTheSplit() public {
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        (address receiver, uint256 amount) = tokens.royaltyInfo(id, 1_999);
        vm.assertEq(receiver, receivers.receiverOf(entry.split));
        // 5 % of 1,999 is 99.95.
        vm.assertEq(amount, 99);
    }

    function test_aReleaseIsMaterializedOnce() public {
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0));
        vm.expectRevert(refusal);
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);

        // Another entry for the same release, and another owner, make no second token.
        entry = entryOf(RELEASE, vm.addr(DAVE_KEY));
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        bytes memory signature = signed(DAVE_KEY, tokens.digestToSign(leaf));
        vm.expectRevert(refusal);
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        vm.assertEq(tokens.ownerOf(id), alice);
    }

    function test_aTokenThatAliceGaveAwayIsNotMadeAgain() public {
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        vm.prank(alice);
        tokens.transferFrom(alice, DAVE, id);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        vm.assertEq(tokens.ownerOf(id), DAVE);
    }

    function test_aRootThatWasNotAnchoredShowsNothing() public {
        bytes32 leaf = tokens.leafOf(entry);
        place.root = leaf;
        place.proof = new bytes32[](0);
        place.index = 0;
        vm.expectRevert(abi.encodeWithSelector(AssetToken.NotAnchored.selector, leaf));
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        nothingWasMade();
    }

    /// Whatever is changed of the statement, it is no longer the one in the log.
    function testFuzz_anEntryThatTheLogDoesNotHoldIsRefused(uint256 what, uint256 bit) public {
        what %= 5;
        if (what == 0) entry.release ^= bytes32(1 << (bit % 256));
        if (what == 1) entry.split ^= bytes32(1 << (bit % 256));
        if (what == 2) entry.owner = address(uint160(entry.owner) ^ uint160(1 << (bit % 160)));
        if (what == 3) entry.bps = uint16(bit % 500);
        if (what == 4) entry.id ^= bytes16(uint128(1 << (bit % 128)));
        bytes32 leaf = tokens.leafOf(entry);
        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        vm.expectRevert(abi.encodeWithSelector(AssetToken.NotInTheLog.selector, leaf, place.root));
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        nothingWasMade();
    }

    function test_aStatementForAnotherContractDoesNotCountHere() public {
        AssetToken other = new AssetToken(ADMIN, GUARDIAN, KEEPER, book, receivers, "");
        bytes32 leaf = other.leafOf(entry);
        bytes memory signature = signed(ALICE_KEY, other.digestToSign(leaf));
        vm.expectRevert(abi.encodeWithSelector(AssetToken.NotInTheLog.selector, leaf, place.root));
        other.materialize(entry, place.root, place.index, place.proof, signature);
    }

    function test_aStatementForAnotherChainDoesNotCountHere() public {
        vm.chainId(block.chainid + 1);
        bytes32 leaf = tokens.leafOf(entry);
        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        vm.expectRevert(abi.encodeWithSelector(AssetToken.NotInTheLog.selector, leaf, place.root));
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        nothingWasMade();
    }

    function refusedSignature(bytes memory signature) internal {
        bytes32 digest = tokens.digestToSign(tokens.leafOf(entry));
        vm.expectRevert(abi.encodeWithSelector(Signatures.NotSignedBy.selector, entry.owner, digest));
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        nothingWasMade();
    }

    function test_daveDoesNotSignForAlice() public {
        refusedSignature(signed(DAVE_KEY, tokens.digestToSign(tokens.leafOf(entry))));
    }

    function test_aSignatureOfAnotherContractOrChainIsRefused() public {
        AssetToken other = new AssetToken(ADMIN, GUARDIAN, KEEPER, book, receivers, "");
        bytes32 leaf = tokens.leafOf(entry);
        refusedSignature(signed(ALICE_KEY, other.digestToSign(leaf)));
        vm.chainId(1);
        bytes32 elsewhere = tokens.digestToSign(leaf);
        vm.chainId(31337);
        refusedSignature(signed(ALICE_KEY, elsewhere));
    }

    function test_aSignatureOverTheBareLeafIsRefused() public {
        refusedSignature(signed(ALICE_KEY, tokens.leafOf(entry)));
    }

    function testFuzz_noiseIsNoSignature(bytes calldata noise) public {
        try tokens.materialize(entry, place.root, place.index, place.proof, noise) {
            vm.assertTrue(false, "made by noise");
        } catch {}
        nothingWasMade();
    }

    function test_theTwinOfASignatureIsRefusedByName() public {
        bytes memory second = twin(aliceSigned);
        vm.expectRevert(abi.encodeWithSelector(Signatures.MalleableSignature.selector, alice));
        tokens.materialize(entry, place.root, place.index, place.proof, second);
        nothingWasMade();
    }

    function test_nobodySignsForTheZeroAddress() public {
        entry = entryOf(RELEASE, address(0));
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        refusedSignature(new bytes(65));
        refusedSignature("");
    }

    function test_aContractsWalletSignsToo() public {
        ContractWallet wallet = new ContractWallet(alice);
        entry = entryOf(RELEASE, address(wallet));
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        // No onERC721Received is asked of it.
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        vm.assertEq(tokens.ownerOf(id), address(wallet));
    }

    function test_aWalletThatChangedItsKeyIsHeard() public {
        ContractWallet wallet = new ContractWallet(alice);
        wallet.setOwner(DAVE);
        entry = entryOf(RELEASE, address(wallet));
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        refusedSignature(signed(ALICE_KEY, tokens.digestToSign(leaf)));
    }

    function test_moreThanTenPercentIsRefused() public {
        entry.bps = 1001;
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        bytes memory signature = signed(ALICE_KEY, tokens.digestToSign(leaf));
        vm.expectRevert(
            abi.encodeWithSelector(AssetToken.RoyaltyTooHigh.selector, uint16(1001), uint16(1000))
        );
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        nothingWasMade();
    }

    function testFuzz_aRoyaltyIsItsPartRoundedDownOfAnyPrice(uint16 bps, uint256 price) public {
        entry.bps = uint16(bound(bps, 0, 1000));
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        tokens.materialize(
            entry, place.root, place.index, place.proof, signed(ALICE_KEY, tokens.digestToSign(leaf))
        );
        (, uint256 amount) = tokens.royaltyInfo(id, price);
        vm.assertTrue(amount <= price / 10);
        price >>= 16;
        (, amount) = tokens.royaltyInfo(id, price);
        vm.assertEq(amount, price * entry.bps / 10_000);
    }

    function test_aPauseStopsNewTokensOnlyAndEndsByItself() public {
        entry = entryOf(keccak256("another release"), alice);
        bytes32 leaf = tokens.leafOf(entry);
        Place memory second = anchored(leaf);
        bytes memory secondSigned = signed(ALICE_KEY, tokens.digestToSign(leaf));
        bring(entryOf(RELEASE, alice), place, aliceSigned);

        vm.prank(GUARDIAN);
        tokens.pause();
        vm.expectRevert(
            abi.encodeWithSelector(ExpiringPause.PausedUntil.selector, uint64(block.timestamp + 7 days))
        );
        bring(entry, second, secondSigned);

        vm.prank(alice);
        tokens.transferFrom(alice, DAVE, id);
        vm.assertEq(tokens.ownerOf(id), DAVE);

        vm.warp(block.timestamp + 7 days);
        bring(entry, second, secondSigned);
        vm.assertEq(tokens.balanceOf(alice), 1);
    }

    /// Alice had an entry stated, made no token, and passed the release on to Bob in the log.
    function test_anEntryThatTheLogHasOvertakenMakesNoToken() public {
        vm.expectEmit();
        emit AssetToken.EntriesSuperseded(RELEASE, place.index + 1);
        vm.prank(KEEPER);
        tokens.supersede(RELEASE, place.index + 1);
        vm.assertEq(tokens.supersededBefore(RELEASE), place.index + 1);
        vm.expectRevert(abi.encodeWithSelector(AssetToken.Superseded.selector, RELEASE, place.index + 1));
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        nothingWasMade();

        entry = entryOf(RELEASE, vm.addr(DAVE_KEY));
        bytes32 leaf = tokens.leafOf(entry);
        place = anchored(leaf);
        bytes memory signature = signed(DAVE_KEY, tokens.digestToSign(leaf));
        tokens.materialize(entry, place.root, place.index, place.proof, signature);
        vm.assertEq(tokens.ownerOf(id), vm.addr(DAVE_KEY));
        vm.assertEq(tokens.supersededBefore(RELEASE), 0);
    }

    function test_supersedingGoesForwardOnlyAndNeverTouchesAToken() public {
        place = anchored(tokens.leafOf(entry));
        vm.prank(KEEPER);
        tokens.supersede(RELEASE, place.index);
        vm.expectRevert(abi.encodeWithSelector(AssetToken.NotLater.selector, place.index, place.index));
        vm.prank(KEEPER);
        tokens.supersede(RELEASE, place.index);
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        vm.expectRevert(abi.encodeWithSelector(AssetToken.AlreadyMaterialized.selector, RELEASE));
        vm.prank(KEEPER);
        tokens.supersede(RELEASE, type(uint64).max);
        vm.assertEq(tokens.ownerOf(id), alice);
        vm.assertEq(tokens.royaltyOf(id).bps, 500);
    }

    function test_onlyTheKeeperSupersedes() public {
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, ADMIN, tokens.KEEPER_ROLE()
        );
        vm.expectRevert(refusal);
        vm.prank(ADMIN);
        tokens.supersede(RELEASE, 9);
        vm.assertEq(tokens.supersededBefore(RELEASE), 0);
    }

    function test_nobodyHasARightOverAToken() public {
        tokens.materialize(entry, place.root, place.index, place.proof, aliceSigned);
        address[3] memory houseKeys = [ADMIN, GUARDIAN, KEEPER];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, houseKeys[i], id)
            );
            vm.prank(houseKeys[i]);
            tokens.transferFrom(alice, DAVE, id);
        }
        vm.assertEq(tokens.ownerOf(id), alice);
    }

    function test_aTokenThatIsNotHasNoPageAndNoRoyalty() public {
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id);
        vm.expectRevert(refusal);
        tokens.tokenURI(id);
        vm.expectRevert(refusal);
        tokens.royaltyInfo(id, 100);
    }

    function test_itSaysWhatItSpeaks() public view {
        vm.assertTrue(tokens.supportsInterface(type(IERC721).interfaceId));
        vm.assertTrue(tokens.supportsInterface(type(IERC2981).interfaceId));
        vm.assertTrue(tokens.supportsInterface(0x01ffc9a7));
        vm.assertFalse(tokens.supportsInterface(0xffffffff));
    }
}
