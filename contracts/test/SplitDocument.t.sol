// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SplitDocument} from "../src/SplitDocument.sol";
import {Test} from "./Vm.sol";

/// @notice The library's functions from outside, as calldata.
contract Documents {
    function digest(bytes16[] calldata payees, uint32[] calldata shares) external view returns (bytes32) {
        return SplitDocument.digest(payees, shares);
    }

    function allocate(uint256 amount, uint32[] calldata shares) external pure returns (uint256[] memory) {
        return SplitDocument.allocate(amount, shares);
    }
}

contract SplitDocumentTest is Test {
    bytes16 internal constant ALICE = 0x1c9e2b346f0d4e218a775b1d6f2e9c02;
    bytes16 internal constant BOB = 0x3f0a5a5258ad4b6f9d0a0d2b9c1f7a11;

    Documents internal documents = new Documents();

    function two(bytes16 first, uint32 a, bytes16 second, uint32 b)
        internal
        pure
        returns (bytes16[] memory payees, uint32[] memory shares)
    {
        payees = new bytes16[](2);
        shares = new uint32[](2);
        (payees[0], payees[1]) = (first, second);
        (shares[0], shares[1]) = (a, b);
    }

    function many(uint256 count) internal pure returns (bytes16[] memory payees, uint32[] memory shares) {
        payees = new bytes16[](count);
        shares = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            payees[i] = bytes16(uint128(i + 1));
            shares[i] = i + 1 == count ? uint32(1_000_000_000 - i) : 1;
        }
    }

    function test_theDigestIsTheOneOnTheFormatsPage() public view {
        (bytes16[] memory payees, uint32[] memory shares) = two(ALICE, 700_000_000, BOB, 300_000_000);
        vm.assertEq(
            documents.digest(payees, shares),
            0xc111748c4790cb569fbf65ddda187f51b6d948101322817b3ebe0fd637e40401
        );
    }

    function test_digestsAndPartsAreThoseOfTheBooks() public view {
        string memory json = vm.readFile("test/vectors/splits.json");
        for (uint256 i = 0; i < 12; ++i) {
            string memory where = string.concat(".cases[", vm.toString(i), "]");
            bytes32[] memory words = vm.parseJsonBytes32Array(json, string.concat(where, ".payees"));
            uint256[] memory numbers = vm.parseJsonUintArray(json, string.concat(where, ".shares"));
            bytes16[] memory payees = new bytes16[](words.length);
            uint32[] memory shares = new uint32[](words.length);
            for (uint256 k = 0; k < words.length; ++k) {
                payees[k] = bytes16(words[k]);
                shares[k] = uint32(numbers[k]);
            }
            vm.assertEq(
                documents.digest(payees, shares),
                vm.parseJsonBytes32(json, string.concat(where, ".digest")),
                "digest"
            );
            uint256[] memory amounts = vm.parseJsonUintArray(json, string.concat(where, ".amounts"));
            uint256[] memory expected = vm.parseJsonUintArray(json, string.concat(where, ".parts"));
            for (uint256 a = 0; a < amounts.length; ++a) {
                uint256[] memory parts = documents.allocate(amounts[a], shares);
                for (uint256 k = 0; k < parts.length; ++k) {
                    vm.assertEq(parts[k], expected[a * parts.length + k], "part");
                }
            }
        }
    }

    function test_noSharesAreNoSplit() public {
        vm.expectRevert(SplitDocument.NoShares.selector);
        documents.digest(new bytes16[](0), new uint32[](0));
    }

    function test_256PayeesAreASplitAnd257AreNot() public {
        (bytes16[] memory payees, uint32[] memory shares) = many(256);
        documents.digest(payees, shares);
        (payees, shares) = many(257);
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.TooManyPayees.selector, 257));
        documents.digest(payees, shares);
    }

    function test_eachPayeeHasOneShare() public {
        (bytes16[] memory payees,) = many(2);
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.SharesDoNotMatch.selector, 2, 1));
        documents.digest(payees, new uint32[](1));
    }

    function test_payeesOutOfOrderOrNamedTwiceAreRefused() public {
        (bytes16[] memory payees, uint32[] memory shares) = two(BOB, 700_000_000, ALICE, 300_000_000);
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.NotAscending.selector, 1));
        documents.digest(payees, shares);
        payees[1] = BOB;
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.NotAscending.selector, 1));
        documents.digest(payees, shares);
    }

    function test_aShareOfNothingIsRefused() public {
        (bytes16[] memory payees, uint32[] memory shares) = two(ALICE, 1_000_000_000, BOB, 0);
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.ShareZero.selector, 1));
        documents.digest(payees, shares);
    }

    function test_sharesThatDoNotSumToTheWholeAreRefused() public {
        (bytes16[] memory payees, uint32[] memory shares) = two(ALICE, 700_000_000, BOB, 300_000_001);
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.SharesDoNotSum.selector, 1_000_000_001));
        documents.digest(payees, shares);
        shares[1] = 299_999_999;
        vm.expectRevert(abi.encodeWithSelector(SplitDocument.SharesDoNotSum.selector, 999_999_999));
        documents.digest(payees, shares);
    }

    function test_oneUnitOfATieGoesToThePayeeWhoSortsFirst() public view {
        (, uint32[] memory shares) = two(ALICE, 500_000_000, BOB, 500_000_000);
        uint256[] memory parts = documents.allocate(7, shares);
        vm.assertEq(parts[0], 4);
        vm.assertEq(parts[1], 3);
    }

    function testFuzz_theDigestIsThatOfTheDocumentWrittenPlainly(bytes16 a, bytes16 b, uint32 share)
        public
        view
    {
        vm.assume(a != b);
        if (a > b) (a, b) = (b, a);
        share = uint32(bound(share, 1, 999_999_999));
        (bytes16[] memory payees, uint32[] memory shares) = two(a, share, b, 1_000_000_000 - share);
        bytes memory document = abi.encodePacked(
            '{"format":"worldloom/split/1","shares":[{"payee":"',
            uuid(a),
            '","share_ppb":',
            vm.toString(uint256(share)),
            '},{"payee":"',
            uuid(b),
            '","share_ppb":',
            vm.toString(uint256(1_000_000_000 - share)),
            "}]}"
        );
        vm.assertEq(documents.digest(payees, shares), sha256(document));
    }

    function testFuzz_partsSumToTheAmountAndNoneIsAWholeUnitOff(uint256 seed, uint256 amount, uint256 count)
        public
        view
    {
        count = bound(count, 1, 40);
        amount = bound(amount, 0, type(uint120).max);
        uint32[] memory shares = new uint32[](count);
        uint256 left = 1_000_000_000;
        for (uint256 i = 0; i + 1 < count; ++i) {
            shares[i] = uint32(bound(uint256(keccak256(abi.encode(seed, i))), 1, left - (count - 1 - i)));
            left -= shares[i];
        }
        shares[count - 1] = uint32(left);
        uint256[] memory parts = documents.allocate(amount, shares);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            sum += parts[i];
            uint256 exact = amount * shares[i];
            vm.assertLe(exact / 1e9, parts[i], "no less than rounded down");
            vm.assertLe(parts[i] * 1e9, exact + 1e9 - 1, "less than a unit more");
        }
        vm.assertEq(sum, amount, "sum");
    }

    function uuid(bytes16 value) internal pure returns (bytes memory text) {
        bytes memory digits = "0123456789abcdef";
        text = new bytes(36);
        uint256 place = 0;
        for (uint256 i = 0; i < 16; ++i) {
            if (i == 4 || i == 6 || i == 8 || i == 10) text[place++] = "-";
            text[place++] = digits[uint8(value[i]) >> 4];
            text[place++] = digits[uint8(value[i]) & 15];
        }
    }
}
